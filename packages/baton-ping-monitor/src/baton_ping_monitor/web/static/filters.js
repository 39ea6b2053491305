// A filter works as one types, and is in the address. "/" goes to the search.

import { refresh } from "./refresh.js";

const PATIENCE = 200;

let waiting = 0;

export function startFilters() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    const search = document.getElementById("search");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-filter]");
    if (!form) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => apply(form), event.target.nodeName === "SELECT" ? 0 : PATIENCE);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-filter]");
    if (!form) return;
    event.preventDefault();
    clearTimeout(waiting);
    apply(form);
  });
  addEventListener("popstate", () => { void follow(); });
}

function apply(form) {
  const url = new URL(form.action);
  for (const [name, value] of new FormData(form)) {
    if (value.trim()) url.searchParams.append(name, value.trim());
  }
  if (url.href === location.href) return;
  // What is typed in one go is one step back.
  const typing = history.state?.typing && document.activeElement?.type === "search";
  const state = { typing: document.activeElement?.type === "search" };
  if (typing) history.replaceState(state, "", url);
  else history.pushState(state, "", url);
  void show();
}

async function show() {
  try {
    await refresh();
  } catch (error) {
    if (error.name !== "AbortError") location.reload();
  }
}

// Back or forward: the controls say what the address says.
async function follow() {
  const given = new URL(location.href).searchParams;
  for (const form of document.querySelectorAll("form[data-filter]")) {
    for (const control of form.elements) {
      if (control.name && control.type !== "hidden") control.value = given.get(control.name) ?? "";
    }
  }
  await show();
}

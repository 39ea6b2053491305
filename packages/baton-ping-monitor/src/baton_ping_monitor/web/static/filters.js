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
    const typing = event.target.nodeName === "INPUT";
    waiting = setTimeout(() => apply(form, typing ? event.target.name : ""), typing ? PATIENCE : 0);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-filter]");
    if (!form) return;
    event.preventDefault();
    clearTimeout(waiting);
    apply(form, "");
  });
  addEventListener("popstate", () => { void follow(); });
}

// What is typed in one field is one step back.
function apply(form, field) {
  const url = new URL(form.action);
  for (const [name, value] of new FormData(form)) {
    if (value.trim()) url.searchParams.append(name, value.trim());
  }
  if (url.href === location.href) return;
  if (field && history.state?.typed === field) history.replaceState(history.state, "", url);
  else history.pushState({ typed: field }, "", url);
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

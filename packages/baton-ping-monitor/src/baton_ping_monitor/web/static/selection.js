// Choosing servers for what is done to many of them.

let list;

export function startSelection() {
  list = listed();
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-bulk]");
    if (!form) return;
    if (event.target.matches("[data-all]")) {
      for (const box of boxes(form)) box.checked = event.target.checked;
    }
    tell();
  });
  document.addEventListener("refreshed", () => {
    // "All of this list" was said of another list.
    const all = document.querySelector("[data-bulk-all]");
    if (all && list !== listed()) all.checked = false;
    list = listed();
    tell();
  });
  addEventListener("pageshow", tell);
  tell();
}

// Which list it is: what its filters say.
function listed() {
  return document.querySelector("form[data-bulk] input[name=query]")?.value;
}

function boxes(form) {
  return [...form.querySelectorAll("input[name=fqdn]")];
}

function tell() {
  const form = document.querySelector("form[data-bulk]");
  const bar = form?.querySelector("[data-bulk-bar]");
  if (!bar) return;
  const all = form.querySelector("[data-bulk-all]");
  const [chosen, shown] = [boxes(form).filter((box) => box.checked).length, boxes(form).length];
  const every = form.querySelector("[data-all]");
  every.checked = chosen === shown;
  every.indeterminate = chosen > 0 && chosen < shown;
  bar.setAttribute("data-scripted", "");
  bar.hidden = chosen === 0 && !all?.checked;
  const count = bar.querySelector("[data-bulk-count]");
  count.setAttribute("data-scripted", "");
  const words = all?.checked ? "All of this list chosen" : `${chosen} chosen`;
  if (count.textContent !== words) count.textContent = words;
}

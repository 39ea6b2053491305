// Ages that go on: "3 s ago" becomes "4 s ago". The words are those of web/words.py.

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

// The server's clock counts, not the one of whoever looks.
let ahead = Number(document.body.dataset.now) - Date.now() / 1000;

export function setNow(seconds) {
  ahead = seconds - Date.now() / 1000;
}

export function now() {
  return Date.now() / 1000 + ahead;
}

export function duration(seconds) {
  const unit = UNITS.find(([size]) => seconds >= size);
  return unit ? `${Math.floor(seconds / unit[0])} ${unit[1]}` : "0 s";
}

export function ago(at) {
  const age = now() - at;
  if (Math.abs(age) < 1) return "now";
  return age > 0 ? `${duration(age)} ago` : `in ${duration(-age)}`;
}

export function clock(at) {
  return `${new Date(at * 1000).toISOString().slice(11, 19)} UTC`;
}

export function tellTimes() {
  for (const element of document.querySelectorAll("time[data-at]")) {
    const at = Number(element.dataset.at);
    const text = "length" in element.dataset ? duration(now() - at) : ago(at);
    if (element.textContent !== text) element.textContent = text;
  }
}

export function startTimes() {
  tellTimes();
  setInterval(() => { if (!document.hidden) tellTimes(); }, 1000);
}

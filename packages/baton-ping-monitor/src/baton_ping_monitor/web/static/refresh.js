// Asks for this page again, and shows what is different.

import { morph } from "./morph.js";
import { setNow, tellTimes } from "./times.js";

const PARTS = ["main", "header.top nav", "#notices", "footer.foot"];
const LONGEST_PAUSE = 10_000;

let asking = null;

// One at a time. Resolves with how many milliseconds to wait at least before the next.
export async function refresh() {
  // What says that something went wrong is an answer to a form, or to an address with nothing there:
  // asked for again, it would be another page.
  if ("still" in document.body.dataset) return LONGEST_PAUSE;
  asking?.abort();
  const mine = (asking = new AbortController());
  const began = performance.now();
  const response = await fetch(location.href, {
    headers: { Accept: "text/html" },
    signal: AbortSignal.any([mine.signal, AbortSignal.timeout(15_000)]),
  });
  if (response.redirected || [401, 403, 404].includes(response.status)) {
    location.reload(); // logged out meanwhile, or it is not kept any more: the page says what to do
    return LONGEST_PAUSE;
  }
  if (!response.ok) throw new Error(`The page answered ${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (mine.signal.aborted) return 0;
  show(page);
  // A big fleet, or a slow line: ask less often.
  return Math.min(LONGEST_PAUSE, (performance.now() - began) * 5);
}

function show(page) {
  const focused = document.activeElement;
  for (const selector of PARTS) {
    const [from, to] = [document.querySelector(selector), page.querySelector(selector)];
    if (from && to) morph(from, to);
  }
  if (focused && focused !== document.activeElement && focused.isConnected) {
    focused.focus({ preventScroll: true });
  }
  document.title = page.title;
  setNow(Number(page.body.dataset.now));
  tellTimes();
  document.dispatchEvent(new CustomEvent("refreshed"));
}

// Keeps the page live: one stream tells that something changed, and the page asks for itself again.
// When the stream is lost, or silent for long, the page says since when it is no longer true.

import { refresh } from "./refresh.js";
import { clock, now, setNow } from "./times.js";

const SILENCE = 21_000; // the stream says something every 10 s
const LEAST_PAUSE = 1000;
const PAUSE_AFTER_FAILURE = 2000;

const mark = document.getElementById("live");
// "wanted": something changed that is not shown yet; "behind": it was asked for in vain.
const state = {
  stream: null,
  heard: 0,
  since: now(),
  revision: null,
  blind: false,
  wanted: false,
  behind: false,
  busy: false,
};

export function startLive() {
  const address = document.body.dataset.live;
  if (!address) return;
  const paced = document.querySelector("[data-refresh]");
  if (paced) follow(Number(paced.dataset.refresh) * 1000);
  open(address);
  setInterval(watch, 1000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
      return;
    }
    open(address);
    if (state.wanted) want();
  });
  // Who reads something that would move away is not disturbed.
  document.addEventListener("toggle", () => {
    if (state.stream && mark.dataset.state === "live") say("live");
    if (state.wanted) want();
  }, true);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) open(address); });
}

function open(address) {
  if (state.stream) return;
  state.heard = Date.now();
  state.stream = new EventSource(address);
  state.stream.onmessage = (event) => {
    const news = JSON.parse(event.data);
    state.heard = Date.now();
    if (!state.behind) state.since = news.now;
    setNow(news.now);
    heed(news);
  };
  state.stream.onerror = () => {
    say("stale");
    if (state.stream?.readyState === EventSource.CLOSED) {
      // It was refused, and browsers do not try again then. The page may say why.
      close();
      want();
      setTimeout(() => { if (!document.hidden) open(address); }, 5000);
    }
  };
}

function close() {
  state.stream?.close();
  state.stream = null;
}

function watch() {
  if (!document.hidden && state.stream && Date.now() - state.heard > SILENCE) say("stale");
}

function heed(news) {
  state.blind = news.blind_since !== null;
  tell();
  const icon = document.querySelector("link[rel=icon]");
  const href = news.missing ? icon.dataset.trouble : icon.dataset.calm;
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  if (news.revision !== state.revision) {
    const first = state.revision === null;
    state.revision = news.revision;
    if (!first || now() - Number(document.body.dataset.now) > 3) want();
  }
}

function tell() {
  say(state.behind ? "stale" : state.blind ? "blind" : "live");
}

function isReading() {
  return document.querySelector("details[data-hold][open]") !== null;
}

function want() {
  state.wanted = true;
  if (!state.busy) void again();
}

async function again() {
  state.busy = true;
  while (state.wanted && !document.hidden && !isReading()) {
    state.wanted = false;
    let pause = LEAST_PAUSE;
    try {
      pause = Math.max(pause, await refresh());
      caughtUp();
    } catch (error) {
      // Whoever aborted it has asked for a newer one.
      if (error.name !== "AbortError") {
        state.behind = state.wanted = true;
        pause = PAUSE_AFTER_FAILURE;
        tell();
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  state.busy = false;
}

function caughtUp() {
  if (!state.behind) return;
  state.behind = false;
  state.since = now();
  if (state.stream?.readyState === EventSource.OPEN) tell();
}

// A page that counts something down asks for itself at its own pace, until it says that it is done.
async function follow(pace) {
  while (document.querySelector("[data-refresh]")) {
    await new Promise((resolve) => setTimeout(resolve, pace));
    if (document.hidden) continue;
    try {
      await refresh();
    } catch (error) {
      if (error.name !== "AbortError") say("stale");
    }
  }
}

function say(what) {
  const text = document.getElementById("live-text");
  const stale = document.getElementById("stale");
  mark.dataset.state = what;
  const words = {
    live: isReading() ? "Held while you read" : "Live",
    blind: "No broker",
    stale: `Stale since ${clock(state.since)}`,
  }[what];
  if (text.textContent !== words) text.textContent = words;
  if (what === "stale") {
    const sentence = `The monitor does not answer. What you see is as it was at ${clock(state.since)}.`;
    if (stale.textContent !== sentence) stale.textContent = sentence;
  }
  stale.hidden = what !== "stale";
}

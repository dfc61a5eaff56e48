// Comfort only: live updates, times in the viewer's zone, copy buttons. Every page reads and acts without it.
"use strict";
(() => {
  const lang = document.documentElement.lang || "zh-CN";
  const full = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" });
  const two = (number) => String(number).padStart(2, "0");
  const short = (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}`;
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60]];

  function ago(date) {
    const seconds = Math.round((date - Date.now()) / 1000);
    if (Math.abs(seconds) > 7 * 86400) return short(date);
    for (const [unit, size] of steps) {
      if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
    }
    return relative.format(Math.min(0, seconds), "second");
  }

  function times(root) {
    for (const element of root.querySelectorAll("time[data-when]")) {
      const date = new Date(element.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      element.title = full.format(date);
      element.textContent = element.dataset.when === "ago" ? ago(date) : short(date);
    }
  }

  function copies(root) {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("button[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const source = document.getElementById(button.dataset.copy);
        if (!source) return;
        await navigator.clipboard.writeText(source.textContent);
        const words = button.textContent;
        button.textContent = button.dataset.done;
        setTimeout(() => { button.textContent = words; }, 2000);
      });
    }
  }

  // A text is checked while it is written, a moment after the last key.
  function checks(root) {
    for (const area of root.querySelectorAll("textarea[data-check]")) {
      const list = document.getElementById(area.dataset.faults);
      let waiting = 0;
      let asked = 0;
      area.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(async () => {
          const turn = ++asked;
          try {
            const body = new URLSearchParams(new FormData(area.form));
            const answer = await fetch(area.dataset.check, { method: "POST", body, redirect: "manual" });
            if (!answer.ok || turn !== asked) return;
            const { faults } = await answer.json();
            list.replaceChildren(...faults.map((fault) => {
              const line = document.createElement("li");
              line.textContent = fault;
              return line;
            }));
          } catch {
            // The button checks as well.
          }
        }, 600);
      });
    }
  }

  times(document);
  copies(document);
  checks(document);
  setInterval(() => times(document), 30000);

  const stream = document.body.dataset.events;
  const live = [...document.querySelectorAll("[data-live]")].map((element) => element.id);
  const lamp = document.querySelector("[data-live-state]");
  if (!stream || !window.EventSource) return;

  const wanted = new Set();
  let timer = 0;
  let asking = false;

  // Several changes become one question; a reader who is inside the part keeps what they are doing.
  function want(kind) {
    for (const id of live) {
      const element = document.getElementById(id);
      const about = element && element.dataset.live;
      if (about === "all" || kind === "all" || kind.startsWith(about)) wanted.add(id);
    }
    if (wanted.size > 0 && !timer) timer = setTimeout(ask, 250);
  }

  async function ask() {
    timer = 0;
    if (document.hidden || asking) return;
    asking = true;
    const ids = [...wanted];
    wanted.clear();
    try {
      const answer = await fetch(location.href, { headers: { "dw-live": "1" }, redirect: "manual", cache: "no-store" });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of ids) {
        const before = document.getElementById(id);
        const after = fresh.getElementById(id);
        if (!before || !after || before.contains(document.activeElement)) continue;
        if (before.querySelector("td input:checked")) continue;
        const adopted = document.adoptNode(after);
        times(adopted);
        if (adopted.textContent === before.textContent) continue;
        const known = new Set([...before.querySelectorAll("tbody tr a[href]")].map((a) => a.getAttribute("href")));
        for (const row of adopted.querySelectorAll("tbody tr")) {
          const link = row.querySelector("a[href]");
          if (link && !known.has(link.getAttribute("href"))) row.classList.add("fresh");
        }
        before.replaceWith(adopted);
      }
    } catch {
      // The next event asks again.
    } finally {
      asking = false;
      if (wanted.size > 0 && !timer) timer = setTimeout(ask, 250);
    }
  }

  function show(on) {
    if (!lamp) return;
    lamp.hidden = false;
    lamp.classList.toggle("off", !on);
    lamp.querySelector("[data-on]").hidden = !on;
    lamp.querySelector("[data-off]").hidden = on;
  }

  // A browser keeps few connections to one host, and keeps those of pages that were left: a page holds its
  // stream only while it is looked at.
  let events = null;
  let missed = false;
  function listen() {
    if (events || document.hidden) return;
    events = new EventSource(stream);
    events.addEventListener("open", () => { show(true); if (missed) want("all"); missed = false; });
    events.addEventListener("error", () => { show(false); missed = true; });
    events.addEventListener("lagged", () => want("all"));
    events.addEventListener("change", (event) => {
      try { want(String(JSON.parse(event.data).kind || "")); } catch { want("all"); }
    });
  }
  function leave() {
    if (events) events.close();
    events = null;
    missed = true;
  }
  addEventListener("pagehide", leave);
  addEventListener("pageshow", listen);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return leave();
    times(document);
    listen();
  });
})();

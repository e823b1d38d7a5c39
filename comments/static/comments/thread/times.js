/** "5 minutes ago", and the exact time on demand. */

import { recall, remember } from "./api.js";
import { make } from "./tools.js";

/** @type {[Intl.RelativeTimeFormatUnit, number][]} seconds of each unit, and where the next begins */
const UNITS = [["year", 31556952], ["month", 2629746], ["day", 86400], ["hour", 3600], ["minute", 60]];

/** @param {View} view */
export function startTimes(view) {
  const words = new Intl.RelativeTimeFormat(view.lang, { numeric: "auto" });
  const button = make("button", { type: "button", class: "quiet" }, view.t("exact_times"));
  let isExact = !!recall("settings", "exact");

  /** @param {HTMLTimeElement} time */
  function write(time) {
    time.title ||= time.textContent ?? "";
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const [unit, size] = UNITS.find(([, least]) => -seconds >= least) ?? ["second", Infinity];
    time.textContent = isExact ? time.title : words.format(Math.trunc(seconds / size) || 0, unit);
  }
  /** @param {HTMLElement[]} rows */
  function refresh(rows = view.all("li[data-number]")) {
    button.setAttribute("aria-pressed", `${isExact}`);
    button.hidden = !view.one("li[data-number]");
    if (document.hidden) return;
    for (const row of rows) row.querySelectorAll(".facts time").forEach((/** @type {any} */ time) => write(time));
  }
  button.addEventListener("click", () => {
    isExact = !isExact;
    remember("settings", "exact", isExact || undefined);
    view.keep(refresh);
  });
  // The form to subscribe asks for a time zone.
  const zones = /** @type {HTMLSelectElement | null} */ (document.querySelector("select[data-guess]"));
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  if (zones && [...zones.options].some(({ value }) => value === timeZone)) zones.value = timeZone;

  view.tools.append(button);
  view.each(refresh);
  view.on("gone", () => refresh());
  const timer = setInterval(refresh, 60_000);
  document.addEventListener("visibilitychange", () => refresh(), { signal: view.signal });
  view.signal.addEventListener("abort", () => clearInterval(timer));
}

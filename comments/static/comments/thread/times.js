/** "5 minutes ago", and the exact time on demand. */

import { button, recall, remember } from "./api.js";

/** @type {[Intl.RelativeTimeFormatUnit, number][]} milliseconds of each unit, and where the next begins */
const UNITS = [["year", 365 * 864e5], ["month", 2629746e3], ["day", 864e5], ["hour", 36e5], ["minute", 6e4]];

/** Returns when the reader's day began. @param {number} time */
const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);

const TIMED = "li[data-number], .unseen li";

/** @param {View} view */
export function startTimes(view) {
  const words = new Intl.RelativeTimeFormat(view.lang, { numeric: "auto" });
  // "last month" may be in this one's words the month before the last.
  const figures = new Intl.RelativeTimeFormat(view.lang);
  const toggle = button(view.t("exact_times"), () => {
    isExact = !isExact;
    remember("settings", "exact", isExact || undefined);
    view.keep(refresh);
  }, { class: "quiet" });
  let isExact = !!recall("settings", "exact");

  /** @param {HTMLTimeElement} time */
  function write(time) {
    time.title ||= time.textContent ?? "";
    const then = Date.parse(time.dateTime);
    const now = Date.now();
    const [unit, size] = UNITS.find(([, least]) => now - then >= least) ?? ["second", Infinity];
    const isDay = unit === "day";
    const count = isDay ? Math.round((midnight(then) - midnight(now)) / size) : Math.trunc((then - now) / size);
    time.textContent = isExact ? time.title : (/^[ym]/.test(unit) ? figures : words).format(count || 0, unit);
  }
  /** @param {HTMLElement[]} rows */
  function refresh(rows = view.all(TIMED)) {
    toggle.ariaPressed = `${isExact}`;
    toggle.hidden = !view.one(TIMED);
    if (document.hidden) return;
    for (const row of rows) row.querySelectorAll(".facts time").forEach((/** @type {any} */ time) => write(time));
  }
  // The form to subscribe asks for a time zone.
  const zones = /** @type {HTMLSelectElement | null} */ (document.querySelector("select[data-guess]"));
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  if (zones && [...zones.options].some(({ value }) => value === timeZone)) zones.value = timeZone;

  view.tools.append(toggle);
  view.each(refresh);
  for (const name of ["gone", "unseen"]) view.on(name, () => refresh());
  const timer = setInterval(refresh, 60_000);
  document.addEventListener("visibilitychange", () => refresh(), { signal: view.signal });
  view.signal.addEventListener("abort", () => clearInterval(timer));
}

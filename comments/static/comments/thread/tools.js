// What the modules of writing share.

/** Returns a new element; texts in it stay texts. @param {string} tag
 * @param {Record<string, string>} attributes @param {...(Node | string)} children @returns {any} */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  element.append(...children);
  return element;
}

/** Returns a button. @param {string} text @param {(event: Event) => void} press
 * @param {Record<string, string>} attributes */
export function button(text, press, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", press);
  return made;
}

/** Returns seconds as minutes and seconds. @param {number} seconds */
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")}`;

/** Calls back with the whole seconds left until a time, now and each second, the last time with 0;
 * returns what stops it. By the clock: timers sleep with the machine.
 * @param {number} end @param {(left: number) => void} tick */
export function countDown(end, tick) {
  const step = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    if (!left) clearInterval(timer);
    tick(left);
  };
  const timer = setInterval(step, 1000);
  step();
  return () => clearInterval(timer);
}

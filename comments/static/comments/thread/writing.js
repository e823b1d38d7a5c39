// Writing, where it is read: replies in place, quoting, and what one has written.
import { recall, remember } from "./api.js";
import { WriteForm } from "./form.js";
import { startOwn } from "./own.js";
import { startMentions, startQuoting } from "./text.js";

/** Starts all that concerns writing in a thread. @param {View} view */
export function startWriting(view) {
  /** @type {WriteForm | undefined} */
  let write;
  const begin = () => {
    const section = view.one("#reply");
    if (!section?.querySelector(".write-form") || section === write?.section) return;
    write = new WriteForm(view, section);
    startMentions(write);
  };
  begin();
  view.on("form", begin);
  view.on("rows", () => write?.settle());
  view.on("gone", () => write?.settle());
  startOwn(view, () => write);
  const quote = (/** @type {{number: number, text: string}} */ { number, text }) => {
    if (!write) return;
    const { source } = write;
    if (!source.value.trim()) write.aim({ reply: number });
    source.focus();
    const { selectionEnd: end, value } = source;
    const gap = "\n\n".slice(/** @type {any} */ (/\n*$/.exec(value.slice(0, end)))[0].length);
    write.fields.format.value = "markdown";
    write.insert(`${end ? gap : ""}#${number}:\n\n${text.replace(/^/gm, "> ")}\n\n`, end, end);
  };
  const selected = startQuoting(view, quote);
  view.when("click", "[data-do=reply]", (choice, event) => {
    if (!write || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const number = Number(choice.closest("[data-number]").dataset.number);
    const found = selected();
    write.open({ reply: number });
    if (found?.number === number) quote(found);
  });
  view.when("click", "[value=forget]", async () => {
    if (!view.isEmbedded || !write) return;
    remember("who", view.api.base.origin, undefined);
    view.api.keepToken();
    for (const name of ["name", "email", "url"]) write.fields[name].value = "";
    await view.refreshViewer();
    view.say(view.t("forgotten"));
    write.source.focus();
  });
}

// The one form of a thread: it moves to the comment that it answers or changes, keeps what is typed
// across reloads, sends it once however often it is pressed, and says what went wrong.
import { button, clock, countDown, make, parse, Problem, recall, remember } from "./api.js";
import { lengthOf, startText } from "./text.js";
import { joined } from "./waiting.js";

/** A comment, a reply to a number, or a change.
 * @typedef {{reply?: number, edit?: any}} Target */

/** Drafts that the browser did not take. @type {Map<string, any>} */
const loose = new Map();

export class WriteForm {
  /** @param {View} view @param {HTMLElement} section */
  constructor(view, section) {
    /** @type {any} */
    const form = section.querySelector(".write-form");
    this.view = view;
    this.section = section;
    this.form = form;
    this.fields = form.elements;
    this.source = this.fields.source;
    this.main = form.querySelector(".main");
    /** @type {Target} */
    this.target = {};
    this.draft = "";
    this.words = [view.t("write"), this.main.textContent];
    this.said = make("div", { class: "notice is-error", hidden: "" });
    this.note = make("p", { class: "help", hidden: "" });
    this.home = make("span", { hidden: "" });
    (view.one(".write-root") ?? section).before(this.home);
    view.one(".write-root")?.remove();
    const buttons = form.querySelector(".buttons");
    buttons.querySelector("a")?.remove();
    buttons.before(this.note, this.said);
    buttons.append(button(view.t("cancel"), () => this.close(), { class: "cancel" }));
    form.noValidate = true;
    startText(this);
    form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => this.submit(event));
    form.addEventListener("input", (/** @type {Event} */ event) => {
      this.isTyped ||= event.isTrusted;
      this.keep();
    });
    // Another tab has sent or thrown away what it had here; this one's own words stay kept.
    addEventListener("storage", () => {
      if (this.isTyped && !recall("drafts", this.draft)) this.keep();
    }, { signal: view.signal });
    view.on("shown", () => this.told === "thread_closed" && view.section.dataset.state === "open" && this.clear());
    section.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.close();
    });
    addEventListener("beforeunload", (event) => this.isLoose && event.preventDefault(), { signal: view.signal });
    const who = recall("who", view.api.base.origin) ?? {};
    for (const name in who) if (this.fields[name]) this.fields[name].value ||= who[name];
    const reply = Number(this.fields.reply_to?.value);
    this.aim(reply ? { reply } : {}, this.source.value);
  }

  get body() {
    return { source: this.source.value, format: this.fields.format.value };
  }

  get label() {
    return this.target.edit ? this.view.t("save") : this.words[1];
  }

  get article() {
    const { edit, reply } = this.target;
    return edit ? this.view.one(`[data-id="${edit.id}"]`) : reply && this.view.article(reply);
  }

  /** @param {Target} target */
  open(target) {
    this.aim(target);
    this.source.focus();
  }

  /** Brings the form back, and the focus to where it was opened. */
  close() {
    const { article, target } = this;
    if (this.isBlocked || !(target.edit || target.reply)) return;
    this.aim({});
    const choice = `[data-do=${target.edit ? "edit" : "reply"}]`;
    this.view.focus(article?.querySelector(choice) ?? article ?? this.source);
  }

  /** Sets the form up, with the draft that belongs there.
   * @param {Target} target @param {string} [typed] before there was this form */
  aim(target, typed = "") {
    const { view, section, fields } = this;
    const { edit, reply } = target;
    this.target = target;
    this.isTyped = !!typed;
    this.draft = `${view.api.base}${edit ? `e${edit.id}` : reply ?? ""}`;
    this.clear();
    section.dataset.aim = edit ? "edit" : reply ? "reply" : "";
    const name = view.article(reply ?? 0)?.querySelector(".author, .unknown")?.textContent ?? "";
    /** @type {any} */ (section.querySelector("h3")).textContent = edit
      ? view.t("edit_title")
      : reply
        ? view.t("reply_title", { number: `${reply}`, name: `\u2068${name}\u2069` })
        : this.words[0];
    fields.reply_to?.remove();
    if (reply) this.form.append(make("input", { type: "hidden", name: "reply_to", value: `${reply}` }));
    this.main.textContent = this.label;
    this.source.readOnly = this.main.hidden = false;
    const kept = loose.get(this.draft) ?? recall("drafts", this.draft);
    this.pending = kept?.pending;
    this.write(joined(kept?.source ?? edit?.source, typed), kept?.format ?? edit?.format);
    this.note.hidden = !kept;
    this.note.className = "help";
    if (kept) {
      this.note.replaceChildren(view.t("draft_restored"), " ", button(view.t("discard"), () => this.discard()));
      view.say(view.t("draft_restored"));
    }
    this.settle();
    // What cannot be fetched now comes with the next that is asked for.
    view.settle().catch(() => view.tell("own"));
    this.stop?.();
    this.stop = edit?.until && countDown(edit.until, (left) => left || this.expire());
  }

  /** Puts the form where it belongs: rows may have been made anew around it. */
  settle() {
    const { view, section, source, article, home } = this;
    const before = article || home;
    if (before.nextElementSibling === section) return;
    const { focused } = view;
    const { selectionStart, selectionEnd } = source;
    before.after(section);
    if (!section.contains(focused)) return;
    focused.focus();
    if (focused === source) source.setSelectionRange(selectionStart, selectionEnd);
  }

  /** @param {string} source @param {string} [format] */
  write(source, format) {
    if (format) this.fields.format.value = format;
    // What stands there already is left to who types in it just now, with the caret where it is.
    if (this.source.value !== source) this.source.value = source;
    this.source.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** @param {string} text @param {number} [start] @param {number} [end] */
  insert(text, start = this.source.selectionStart, end = this.source.selectionEnd) {
    this.source.setRangeText(text, start, end, "end");
    this.source.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** Keeps what is typed, with the key of a request that nobody has answered yet. */
  keep() {
    const { draft, fields } = this;
    const { source, format } = this.body;
    const isNew = source.trim() && source !== this.target.edit?.source;
    const kept = isNew ? { source, format, pending: this.pending } : undefined;
    remember("drafts", draft, kept);
    this.isLoose = kept && recall("drafts", draft)?.source !== source;
    if (this.isLoose) loose.set(draft, kept);
    else loose.delete(draft);
    if (!fields.name) return;
    const { name, email, url } = fields;
    remember("who", this.view.api.base.origin, { name: name.value, email: email.value, url: url.value });
  }

  discard() {
    this.pending = undefined;
    this.note.hidden = true;
    this.write(this.target.edit?.source ?? "");
    this.view.say(this.view.t("discarded"));
    this.source.focus();
  }

  /** The time for changes is over; what was typed can be copied. */
  expire() {
    this.source.readOnly = this.main.hidden = true;
    this.tell("edit_window_expired");
  }

  /** Says something at the form. @param {string} key of a text, or the text */
  tell(key, values = {}) {
    const { view, said } = this;
    const text = view.t(key, values);
    this.told = key;
    said.replaceChildren(text);
    said.hidden = false;
    view.say(text, { alert: true });
    // The button that was pressed may be gone.
    const focused = view.focused ?? document.activeElement ?? document.body;
    if (focused === document.body || !focused.checkVisibility()) view.focus(said, true);
  }

  clear() {
    this.told = "";
    if (this.said.contains(this.view.focused)) this.main.focus();
    this.said.hidden = true;
    for (const error of this.section.querySelectorAll(".errors, .error")) error.remove();
    for (const field of this.form.querySelectorAll(".has-error")) field.classList.remove("has-error");
    for (const input of this.form.querySelectorAll("[aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      input.setAttribute("aria-describedby", input.getAttribute("aria-describedby").replace(/\S+_error\s*/, ""));
    }
  }

  /** Puts errors beside their fields, the focus to the first. @param {string[][]} errors */
  refuse(errors) {
    for (const [name, text] of errors) {
      const input = this.fields[name];
      if (!input?.id) {
        this.tell(text);
        continue;
      }
      const id = `${input.id}_error`;
      input.after(make("p", { class: "error", id }, text));
      input.closest(".field").classList.add("has-error");
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", `${id} ${input.getAttribute("aria-describedby") ?? ""}`);
    }
    this.form.querySelector("[aria-invalid]")?.focus();
  }

  /** @param {SubmitEvent} event */
  submit(event) {
    const { view } = this;
    const pressed = /** @type {any} */ (event.submitter)?.value;
    // What scripts fail at is for the page.
    if (this.isNative) return this.forget();
    if (pressed === "forget" && !view.isEmbedded) return;
    event.preventDefault();
    if (pressed !== "post") return;
    this.send().catch((error) => {
      this.block(false);
      reportError(error);
      this.tell("failed");
      this.isNative = !view.isEmbedded && !this.target.edit;
      // Later: while the event is still under way, a form is not sent.
      if (this.isNative) setTimeout(() => this.form.requestSubmit(this.main));
    });
  }

  /** @param {boolean} isBlocked */
  block(isBlocked, label = this.label) {
    this.isBlocked = isBlocked;
    this.main.setAttribute("aria-disabled", `${isBlocked}`);
    this.main.textContent = label;
  }

  async send() {
    const { view, fields, body } = this;
    const { edit, reply } = this.target;
    if (this.isBlocked) return;
    // Whether a name is asked for, the viewer decides; who is quick does not know yet.
    this.isBlocked = true;
    await view.viewer().catch(() => {});
    this.isBlocked = false;
    this.clear();
    const asks = !edit && fields.name && !this.section.matches(".is-known");
    const over = lengthOf(body.source) - Number(view.section.dataset.maxChars);
    const wrong = [];
    if (asks && !fields.name.value.trim()) wrong.push(["name", view.t("name_needed")]);
    if (!body.source.trim()) wrong.push(["source", view.t("text_needed")]);
    if (over > 0) wrong.push(["source", view.t("too_long", { n: over })]);
    const { name, email, url } = fields;
    const lacksAddress = asks && fields.tell?.value && !email.value.trim();
    // Of a guest who is known the server may have an address.
    if (lacksAddress && !(await view.viewer()).viewer) wrong.push(["email", view.t("address_needed")]);
    if (wrong[0]) return this.refuse(wrong);
    /** @type {any} */
    const all = edit ? body : { ...body, parent: reply ?? null, tell: fields.tell?.value ?? "" };
    if (asks) all.author = { name: name.value, email: email.value, url: url.value };
    const text = JSON.stringify(all);
    if (!edit) all.form = { opened: fields.opened?.value ?? "", subject: fields.subject?.value ?? "" };
    this.pending ??= { text, key: crypto.getRandomValues(new Uint8Array(16)).join("") };
    const { pending } = this;
    this.keep();
    this.block(true, view.t("sending"));
    let data;
    try {
      ({ data } = await view.api.json(edit ? `../../comments/${edit.id}/` : "comments/", {
        method: edit ? "PATCH" : "POST",
        body: all,
        headers: edit ? { "If-Match": `"${edit.version}"` } : { "Idempotency-Key": pending.key },
      }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.block(false);
      if (!error.status || error.status > 499) return this.lost();
      this.pending = undefined;
      this.keep();
      // A random key that stands for the same request: it was stored, and its answer was lost.
      if (error.status === 412) {
        data = await this.standing();
        if (!data) return;
      } else if (error.code !== "idempotency_conflict" || pending.text !== text) return this.refused(error);
    }
    this.block(false);
    if (lacksAddress && data?.told === "untold") data.told = "address_needed";
    // What goes wrong now is not for the page to send again.
    await this.done(data).catch(reportError);
  }

  /** Returns the comment as it stands where it already is what was sent; else says what has happened. */
  async standing() {
    const { view, target, body } = this;
    let data;
    try {
      ({ data } = await view.api.json(`../../comments/${target.edit.id}/`, { own: true }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 404) return this.tell("removed_meanwhile");
      return this.lost();
    }
    const clean = (/** @type {string} */ text) => text.normalize("NFC").trim();
    if (data.format === body.format && clean(data.source ?? "") === clean(body.source)) return data;
    target.edit.version = data.version;
    if (data.tombstone || ["rejected", "spam"].includes(data.state)) return this.tell("removed_meanwhile");
    if (data.state === "held") return this.tell("held_meanwhile");
    this.tell("stale_version");
    this.said.append(make("div", { class: "text", dir: "auto" }, parse(data.html)));
  }

  lost() {
    this.tell("lost");
    const again = button(this.view.t("try_again"), () => this.form.requestSubmit(this.main));
    this.said.append(" ", again);
    again.focus();
  }

  /** @param {Problem} problem */
  async refused({ code, errors, wait, message }) {
    const { view, body } = this;
    if (errors[0]) {
      return this.refuse(errors.map((error) => [/** @type {any} */ (error.pointer.match(/\w+$/))[0], error.detail]));
    }
    if (wait) {
      this.tell("wait", { left: clock(wait) });
      countDown(Date.now() + wait * 1000, (left) => {
        this.said.textContent = view.t("wait", { left: clock(left) });
        this.said.hidden = !left;
        this.block(left > 0);
      });
    } else if (/^parent_/.test(code)) {
      this.forget();
      this.aim({});
      this.write(body.source, body.format);
      this.tell("parent_gone");
    } else if (code === "edit_window_expired") {
      this.expire();
    } else {
      this.tell(view.strings[code] ? code : message || "failed");
    }
  }

  /** Forgets the draft, unless another tab has written another there. */
  forget() {
    const { draft, source } = this;
    if (recall("drafts", draft)?.source === source.value) remember("drafts", draft, undefined);
    loose.delete(draft);
    this.isLoose = false;
  }

  /** Shows what the server has stored, and says so. @param {any} data none if its answer was lost */
  async done(data) {
    const { view, target } = this;
    const { edit, reply } = target;
    if (data?.token) view.api.keepToken(data.token);
    this.forget();
    this.aim({});
    this.form.querySelector("[value=preview][aria-expanded=true]")?.click();
    const isSeen = !data || data.state === "published";
    if (!isSeen) view.tell("held", data);
    if (edit?.number && !isSeen) view.remove(edit.number);
    const { comments } = await view.refreshViewer();
    const { id, number = null } = data ?? comments.find((own) => own.parent === (reply ?? null)) ?? {};
    const what = !isSeen || !number ? "held" : edit ? "edited" : "posted";
    const told = data?.told ? view.t(data.told) : "";
    const said = `${view.t(what, { number: `${number}` })} ${told}`.trim();
    let isHere = true;
    if (number && isSeen) {
      await view.insert(number).catch(() => {
        // It comes with the next changes.
        isHere = false;
        view.tell("own");
      });
    }
    const note = isHere ? told : said;
    if (note) {
      this.note.textContent = note;
      this.note.className = "notice";
      this.note.hidden = false;
    }
    view.say(said);
    view.focus((isHere && view.one(`[data-id="${id}"]`)) || this.source);
    view.emit(what, { number, id });
  }
}

// The one form of a thread: it moves to the comment that it answers or changes, keeps what is typed
// across reloads, sends it once however often it is pressed, and says what went wrong.
import { button, clock, countDown, make, parse, Problem, recall, remember } from "./api.js";
import { blame, faultsOf, pardon, startText } from "./text.js";
import { joined, keptAt, keptHere, loose, store } from "./waiting.js";

/** A comment, a reply to a number, or a change.
 * @typedef {{reply?: number, edit?: any}} Target */

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
    /** @type {any} */
    this.title = section.querySelector("h3");
    /** @type {Target} */
    this.target = {};
    this.draft = "";
    this.post = this.main.textContent;
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
    form.addEventListener("input", (/** @type {any} */ { isTrusted, target }) => {
      if (isTrusted) {
        this.isTyped = true;
        this.wanted = "";
        this.from = undefined;
      }
      pardon(target.closest(".field") ?? target);
      this.keep();
    });
    // Another tab has sent or thrown away what it had here; this one's own words stay kept.
    addEventListener("storage", () => {
      if (this.isTyped && !recall("drafts", this.draft)) this.keep();
    }, view);
    view.on("shown", () => view.section.dataset.state === "open" && this.said.textContent === view.t("thread_closed") && this.clear());
    section.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.close();
    });
    addEventListener("beforeunload", (event) => loose.size && event.preventDefault(), view);
    const who = recall("who", view.api.base.origin) ?? {};
    for (const name in this.author) this.fields[name].value ||= who[name] ?? "";
    const typed = this.source.value;
    // A reply that was being written when the page was left is open again.
    const begun = !typed && recall("begun", view.api.base.href, "sessionStorage");
    const isThere = begun && keptHere(`${view.api.base}${begun}`) && view.article(begun)?.querySelector("[data-do=reply]");
    const reply = Number(this.fields.reply_to?.value) || (isThere ? begun : undefined);
    view.keep(() => this.aim({ reply }, typed));
  }

  get body() {
    return { source: this.source.value, format: this.fields.format.value };
  }

  /** What a guest says of himself; none where nobody is asked. */
  get author() {
    const { name, email, url } = this.fields;
    return name && { name: name.value, email: email.value, url: url.value };
  }

  get label() {
    return this.target.edit ? this.view.t("save") : this.post;
  }

  /** What has the focus, in the thread or else on its page. */
  get active() {
    return this.view.focused ?? document.activeElement ?? document.body;
  }

  /** Whether the focus is still where it was when something was sent, and nothing was typed since. */
  get isStill() {
    return this.active === this.from;
  }

  get article() {
    const { edit, reply } = this.target;
    return edit ? this.view.one(`[data-id="${edit.id}"]`) : reply && this.view.article(reply);
  }

  /** @param {Target} target */
  open(target) {
    /** The comment whose text is asked for, to be changed, as long as nothing else is done. */
    this.wanted = "";
    this.aim(target);
    this.source.focus();
  }

  /** Brings the form back, and the focus to where it was opened. */
  close() {
    const { view, article } = this;
    const { aim } = this.section.dataset;
    if (!aim) return;
    remember("begun", view.api.base.href, undefined, "sessionStorage");
    this.aim({});
    // Its branch may be collapsed: what shows that again is before it.
    const folds = view.all(".fold[aria-expanded=false]").filter((fold) => article?.compareDocumentPosition(fold) & Node.DOCUMENT_POSITION_PRECEDING);
    const places = [article?.querySelector(`[data-do=${aim}]`), article, ...folds.reverse(), this.source];
    view.focus(places.find((place) => place?.checkVisibility()));
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
    this.title.textContent = edit
      ? view.t("edit_title")
      : reply
        ? view.t("reply_title", { number: `${reply}`, name: `\u2068${name}\u2069` })
        : view.t("write");
    fields.reply_to?.remove();
    if (reply) this.form.append(make("input", { type: "hidden", name: "reply_to", value: `${reply}` }));
    if (!this.isBlocked) this.main.textContent = this.label;
    this.source.readOnly = this.main.hidden = false;
    const kept = keptAt(this.draft);
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
    section.closest(".folded > details")?.setAttribute("open", "");
    view.tell("marked");
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
    this.write(this.source.value);
  }

  /** Keeps what is typed, with the key of a request that nobody has answered yet. */
  keep() {
    const { body, author, pending } = this;
    const isNew = body.source.trim() && body.source !== this.target.edit?.source;
    store(this.draft, isNew ? { ...body, pending } : undefined, this.isTyped);
    if (this.isTyped) remember("begun", this.view.api.base.href, isNew ? this.target.reply : undefined, "sessionStorage");
    if (author) remember("who", this.view.api.base.origin, author);
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
    if (this.active === this.main) this.from = this.main;
    this.source.readOnly = this.main.hidden = true;
    this.tell("edit_window_expired");
  }

  /** Says something at the form. @param {string} key of a text, or the text */
  tell(key, values = {}) {
    const { view, said } = this;
    const text = view.t(key, values);
    said.replaceChildren(text);
    said.hidden = false;
    view.say(text, { alert: true });
    const { active } = this;
    // The button that was pressed may be gone, or was never given the focus.
    const isLost = active === document.body && (this.isStill || this.from?.checkVisibility() === false);
    if (isLost || !active.checkVisibility()) view.focus(said, true);
  }

  clear() {
    if (this.said.contains(this.view.focused)) this.main.focus();
    this.said.hidden = true;
    if (this.note.matches(".notice")) this.note.hidden = true;
    pardon(this.section);
  }

  /** Puts errors beside their fields, the focus to the first; who is elsewhere is told. @param {any[]} errors */
  refuse(errors) {
    const others = errors.filter((error) => !blame(this.fields, error));
    if (others[0]) this.tell(others.map(({ detail }) => detail).join(" "));
    if (this.isStill) this.form.querySelector("[aria-invalid]")?.focus();
    else this.view.say(errors.map(({ detail }) => detail).join(" "), { alert: true });
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
    this.main.ariaDisabled = `${isBlocked}`;
    this.main.textContent = label;
  }

  async send() {
    const { view, fields, section, target, draft, body } = this;
    const { edit, reply } = target;
    const { source } = body;
    if (this.isBlocked) return;
    /** What is sent, and from where: the form may be elsewhere when the answer comes. */
    const sent = { ...body, target, draft, title: this.title.textContent };
    this.clear();
    this.from = this.active;
    this.block(true, view.t("sending"));
    view.say(view.t("sending"));
    const pending = (this.pending ??= { text: source, key: crypto.getRandomValues(new Uint8Array(16)).join("") });
    this.keep();
    // Whether a name is asked for, the viewer decides; who is quick does not know yet.
    const { viewer } = await view.viewer();
    const author = edit || section.matches(".is-known") ? undefined : this.author;
    const lacksAddress = author && fields.tell?.value && !author.email.trim();
    // Of a guest who is known the server may have an address.
    const wrong = faultsOf(view, source, author, lacksAddress && !viewer);
    const tell = fields.tell?.value ?? "";
    const form = { opened: fields.opened?.value ?? "", subject: fields.subject?.value ?? "" };
    /** @type {any} */
    const how = edit
      ? { method: "PATCH", body, headers: { "If-Match": `"${edit.version}"` } }
      : { method: "POST", body: { ...body, parent: reply ?? null, tell, author, form }, headers: { "Idempotency-Key": pending.key } };
    let data;
    try {
      if (wrong[0]) throw new Problem(400, { errors: wrong });
      if (!edit) this.noteSent(true);
      how.renewed = async () => {
        const now = (await view.refreshViewer()).viewer;
        // Nobody writes under a name that he has not seen.
        if (now && now.name !== viewer?.name) throw new Problem(403, { detail: view.t("writing_as", { name: `\u2068${now.name}\u2069` }) });
      };
      ({ data } = await view.api.json(edit ? `../../comments/${edit.id}/` : "comments/", how));
    } catch (error) {
      if (this.hasLeft(sent)) return;
      if (!(error instanceof Problem)) throw error;
      if (!error.status || error.status > 499) return this.lost();
      this.pending = undefined;
      this.keep();
      if (!edit && error.code !== "idempotency_conflict") this.noteSent();
      // A random key that stands for the same request: it was stored, and its answer was lost.
      if (error.status === 412) {
        data = await this.standing(sent);
        if (!data) return;
      } else if (error.code !== "idempotency_conflict" || pending.text !== source) return this.refused(error);
    }
    this.block(false);
    if (lacksAddress && data?.told === "untold") data.told = "address_needed";
    // What goes wrong now is not for the page to send again.
    await this.done(data, sent).catch(reportError);
  }

  /** Lets all tabs know what was sent from this browser. @param {true | number} [sent] the id, or that nobody knows it yet */
  noteSent = (sent) => remember("sent", this.view.api.base.href, sent);

  /** Returns whether the form has left what could not be sent, and says where that waits. @param {any} sent */
  hasLeft({ target, draft, title }) {
    this.block(false);
    if (this.draft === draft) return;
    this.tell("failed");
    this.said.append(" ", button(title, () => this.open(target)));
    return true;
  }

  /** Returns the comment as it stands where it already is what was sent; else says what has happened. @param {any} sent */
  async standing(sent) {
    const { view } = this;
    const { target, source, format } = sent;
    let data;
    try {
      ({ data } = await view.api.json(`../../comments/${target.edit.id}/`, { own: true }));
    } catch (error) {
      if (this.hasLeft(sent)) return;
      if (!(error instanceof Problem)) throw error;
      if (error.status === 404) return this.tell("removed_meanwhile");
      return this.lost();
    }
    const clean = (/** @type {string} */ text) => text.normalize("NFC").trim();
    if (data.format === format && clean(data.source ?? "") === clean(source)) return data;
    target.edit.version = data.version;
    if (this.hasLeft(sent)) return;
    if (data.tombstone || ["rejected", "spam"].includes(data.state)) return this.tell("removed_meanwhile");
    if (data.state === "held") return this.tell("held_meanwhile");
    this.tell("stale_version");
    this.said.append(make("div", { class: "text", dir: "auto" }, parse(data.html)));
  }

  lost() {
    this.tell("lost");
    const again = button(this.view.t("try_again"), () => this.form.requestSubmit(this.main));
    this.said.append(" ", again);
    if (this.isStill) again.focus();
  }

  /** @param {Problem} problem */
  async refused({ status, code, errors, wait, message }) {
    const { view, body, fields } = this;
    if (status === 401 || errors[0]?.pointer === "#/author") {
      // Who was signed in when the page was made was given no fields.
      if (!fields.name) this.form.prepend((await view.api.html("comments/")).querySelector(".who") ?? "");
      await view.refreshViewer();
      if (!this.target.edit) errors[0] ??= { pointer: "name", code, detail: view.t(code) };
    }
    if (errors[0]) return this.refuse(errors);
    if (wait) {
      this.tell("wait", { left: clock(wait) });
      countDown(Date.now() + wait * 1000, (left) => {
        this.said.textContent = view.t("wait", { left: clock(left) });
        this.said.hidden = !left;
        this.block(left > 0);
      });
    } else if (/^parent_/.test(code)) {
      this.forget();
      // Below what was begun as a comment of its own, if anything was.
      this.aim({}, body.source);
      this.tell("parent_gone");
    } else if (code === "edit_window_expired") {
      this.expire();
    } else {
      this.tell(view.strings[code] ? code : message || "failed");
    }
  }

  /** Forgets what was sent, unless another tab has written another there. */
  forget(draft = this.draft, sent = this.source.value) {
    if (keptAt(draft)?.source.trim() === sent.trim()) store(draft);
  }

  /** Shows what the server has stored, and says so. @param {any} data none if its answer was lost @param {any} sent */
  async done(data, { target, draft, source: sent }) {
    const { view, source } = this;
    const { edit, reply } = target;
    if (data?.token) view.api.keepToken(data.token);
    if (data) view.own.add(`${data.id}`);
    if (data) this.noteSent(data.id);
    const isHere = this.draft === draft;
    const kept = keptAt(draft);
    const typed = isHere ? source.value : kept?.source ?? "";
    /** The form as it is left now, if nothing else was done with it meanwhile. */
    let left;
    if ([sent.trim(), ""].includes(typed.trim())) {
      this.forget(draft, sent);
      if (isHere) {
        this.aim({});
        this.form.querySelector("[value=preview][aria-expanded=true]")?.click();
        left = this.target;
      }
    } else {
      // What was typed since is another comment, or another change.
      const rest = !edit && typed.startsWith(sent) ? typed.slice(sent.length).trimStart() : typed;
      Object.assign(edit ?? {}, data);
      if (isHere) {
        this.pending = undefined;
        source.setRangeText("", 0, typed.length - rest.length);
        this.write(source.value);
      } else store(draft, { ...kept, source: rest, pending: undefined });
    }
    const isSeen = !data || data.state === "published";
    if (!isSeen) {
      view.tell("held", data);
      view.remove(edit?.number);
    }
    const { comments } = await view.refreshViewer();
    const { id, number = null } = data ?? comments.find((own) => own.parent === (reply ?? null)) ?? {};
    const what = !isSeen || !number ? "held" : edit ? "edited" : "posted";
    const told = view.t(data?.told ?? "");
    const said = `${view.t(what, { number: `${number}` })} ${told}`.trim();
    let isShown = true;
    if (number && isSeen) {
      await view.insert(number).catch(() => {
        // It comes with the next changes.
        isShown = false;
        view.tell("own");
      });
    }
    const isLeft = left === this.target && this.isStill;
    const note = isLeft && isShown && data?.told !== "address_needed" ? told : said;
    if (note) Object.assign(this.note, { textContent: note, className: "notice", hidden: false });
    view.say(said);
    const shown = isShown && view.one(`[data-id="${id}"]`);
    // Whatever it answers may be collapsed.
    if (shown) view.keep(() => view.tell("reveal", { row: shown.closest("li") }));
    if (isLeft) view.focus(shown || source);
    view.emit(what, { number, id });
  }
}

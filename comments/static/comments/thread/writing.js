// Writing, where it is read: replies in place, quoting, and what one has written, which is changed
// within its time, deleted with ten seconds to think again, and shown to its author alone while it
// waits for a moderator. And votes.
import { button, clock, countDown, make, parse, recall, remember } from "./api.js";
import { WriteForm } from "./form.js";
import { startMentions, startQuoting } from "./text.js";

const UNDO_SECONDS = 10;
/** Seconds that a deletion may take to arrive. */
const ON_ITS_WAY = 2;
/** What is said of a text that was to be sent, and of nothing else. */
const OF_TEXT = ["edit_window_expired", "thread_closed", "sanctioned"];
const SIGNS = ["▲", "▼"];
const VALUES = [1, -1];

// --- what one has written ---------------------------------------------------------------------

/** Returns a time as the server words it. @param {View} view @param {string} time */
function momentOf(view, time) {
  /** @type {Intl.DateTimeFormatOptions} */
  const how = { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: view.t("zone"), timeZoneName: "short" };
  const zoned = new Intl.DateTimeFormat(view.lang, how);
  return view.t("moment", Object.fromEntries(zoned.formatToParts(new Date(time)).map(({ type, value }) => [type, value])));
}

/** Looks after one's own comments, and votes.
 * @param {View} view @param {() => WriteForm | undefined} write the form, once there is one */
function startOwn(view, write) {
  const { api, signal } = view;
  /** What deletes the comments that one may still take back, by id. @type {Map<string, () => void>} */
  const leaving = new Map();
  /** @type {Map<string, any>} */
  let mine = new Map();
  /** What waits, as the answer to its writing said: for who is not known again. @type {Map<string, any>} */
  const answered = new Map();
  /** What is said at a comment, by id; its row may be replaced meanwhile. @type {Map<string, HTMLElement>} */
  const notes = new Map();

  /** @type {Fn} */
  const find = (id) => view.one(`article[data-id="${id}"]`);
  /** @type {Fn} */
  const published = (id) => view.one(`[data-number] > [data-id="${id}"]`);
  /** @type {Fn} */
  const path = (id) => `../../comments/${id}/`;
  /** Puts a note at its comment, again wherever the row is new; none takes it away. @type {Fn} */
  const note = (id, said) => {
    const old = notes.get(id);
    if (old !== said) old?.remove();
    if (said) notes.set(id, said);
    else notes.delete(id);
    const article = find(id);
    const isLeaving = !!said?.matches(".leaving");
    article?.classList.toggle("is-leaving", isLeaving);
    // What leaves while something else of the thread is shown can be taken back from there.
    const place = article ?? (isLeaving && view.tools);
    if (said && place && said.parentElement !== place) place.append(said);
  };
  /** @type {Fn} */
  const complain = (id, { code, message }) => {
    const text = view.t(view.strings[code] && !OF_TEXT.includes(code) ? code : message || "lost");
    note(id, make("p", { class: "error" }, text));
    view.say(text, { alert: true });
  };

  /** Takes away what was said at comments other than this one. @param {any} [here] */
  const forget = (here) => notes.forEach((said, id) => {
    if (said.matches(".error") && (!here || !find(id)?.contains(here))) view.keep(() => note(id));
  });
  for (const name of ["click", "focusin"]) view.when(name, "*", (element) => forget(element));
  addEventListener("keydown", ({ key }) => key === "Escape" && forget(), view);

  /** Returns the article of a comment that others do not see. @type {Fn} */
  const waiting = ({ id, version, state, held, html, author, written_at }) => {
    let article = view.one(`.unseen [data-id="${id}"]`);
    if (!article) {
      let section = view.one(".unseen");
      if (!section) {
        section = make("section", { class: "unseen", "aria-labelledby": "unseen-title" },
          make("h3", { id: "unseen-title" }, view.t("unseen")), make("ol", { class: "comments" }));
        (write()?.home ?? view.list).after(section);
      }
      const by = `waiting-${id}-by`;
      article = make("article", { class: "comment is-unseen", "data-id": id, "aria-labelledby": by },
        make("header", {},
          make("h3", { id: by }, make("bdi", { class: "author" }, author?.name ?? "")),
          make("p", { class: "facts" }, make("time", { datetime: written_at }, momentOf(view, written_at))),
          make("p", { class: "why" }, make("strong"))),
        make("div", { class: "text", dir: "auto" }), make("footer", { class: "choices" }));
      section.lastElementChild.append(make("li", { class: "row indent-0" }, article));
      view.tell("unseen");
    }
    if (article.dataset.version !== `${version}`) {
      article.dataset.version = version;
      article.querySelector(".why strong").textContent = `${view.t(`is_${state}`)}. ${held?.explanation ?? ""}`.trim();
      article.querySelector(".text").replaceChildren(parse(html));
    }
    return article;
  };

  /** Adds what this viewer may do, and takes away what no more. @param {any} answer */
  const draw = (answer) => {
    const { viewer, may, votes, now } = answer;
    let { comments } = answer;
    // As long as an answer is used, it tells what the time was when it came.
    const ahead = (answer.ahead ??= now ? Date.now() - Date.parse(now) : 0);
    const were = mine;
    for (const id of answered.keys()) if (viewer || published(id)) answered.delete(id);
    comments = [...comments, ...answered.values()];
    mine = new Map(comments.map((/** @type {any} */ own) => [`${own.id}`, own]));
    for (const old of view.all(".unseen article")) {
      const own = mine.get(old.dataset.id);
      if (own && own.state !== "published") continue;
      const shown = published(old.dataset.id);
      if (shown && old.contains(view.focused)) view.focus(shown, true);
      view.keep(() => old.parentElement.remove());
    }
    view.keep(() => {
      for (const id of were.keys()) {
        if (!mine.has(id)) find(id)?.querySelectorAll("[data-do=edit], [data-do=delete], .is-own").forEach(/** @type {Fn} */ (own) => own.remove());
      }
      if (!view.one(".unseen li")) view.one(".unseen")?.remove();
      for (const own of comments) {
        // By this browser's clock, which may be wrong; a moderator has all the time.
        own.until = may.moderate || !own.editable_until ? 0 : Date.parse(own.editable_until) + ahead;
        const article = own.state === "published" ? find(own.id) : waiting(own);
        const choices = article?.querySelector(".choices");
        if (!choices) continue;
        // It was taken for another's.
        if (article.querySelector(".new, [name=vote]")) view.insert(own.number, { isLive: true }).catch(() => {});
        const by = article.querySelector("h3");
        if (by && !by.querySelector(".is-own")) by.append(" ", make("span", { class: "badge is-own" }, view.t("you")));
        for (const [name, isAllowed] of [["edit", own.until > Date.now() || may.moderate], ["delete", own.deletable]]) {
          const old = choices.querySelector(`[data-do=${name}]`);
          if (!isAllowed) old?.remove();
          else if (!old) choices.append(make("button", { type: "button", "data-do": name }, view.t(name)));
        }
      }
      notes.forEach((said, id) => note(id, said));
      tick();
      for (const article of view.all("[data-number] > article")) drawVotes(article, votes, may.vote);
      drawWho(viewer);
    });
  };

  /** Shows how long one's comments can be changed: each minute, and in the last one each second. */
  const tick = () => {
    for (const [id, { until }] of mine) {
      const article = until && find(id);
      const edit = article && article.querySelector("[data-do=edit]");
      if (!edit) continue;
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left <= 0) {
        view.keep(() => article.querySelectorAll("[data-do=edit], [data-do=delete]").forEach(/** @type {Fn} */ (own) => own.remove()));
        view.refreshViewer();
        return;
      }
      const text = ` · ${left > 60 ? view.t("minutes", { n: Math.ceil(left / 60) }) : clock(left)}`;
      const shown = edit.querySelector(".left") ?? edit.appendChild(make("span", { class: "left", "aria-hidden": "true" }));
      if (shown.textContent !== text) shown.textContent = text;
    }
  };

  /** Says who writes; a guest can be forgotten. @type {Fn} */
  const drawWho = (viewer) => {
    const { form, fields, section } = write() ?? /** @type {any} */ ({});
    const who = form?.querySelector(".who");
    if (!who || view.one("form.forget")) return;
    form.querySelector(".writing-as")?.remove();
    const isKnown = !!viewer && (viewer.signed_in || !!api.jwt);
    section.classList.toggle("is-known", isKnown);
    const help = section.querySelector(".field-name .help");
    // Who may vote now is not told how; who is forgotten is told again.
    if (help) help.textContent = viewer ? "" : (help.dataset.text ??= help.textContent);
    if (!viewer) return;
    // Who is signed in writes under the name that the server knows; the field is the next guest's.
    if (!isKnown) fields.name.value ||= viewer.name;
    const said = make("p", { class: "writing-as" }, view.t(isKnown ? "writing_as" : "known_as", { name: `\u2068${viewer.name}\u2069` }));
    if (!isKnown) said.append(" ", make("button", { name: "do", value: "forget", class: "quiet" }, view.t("forget")));
    who.before(said);
  };

  /** @type {Fn} */
  const showVotes = (box, value, counts) =>
    box.querySelectorAll("button").forEach(/** @type {Fn} */ (vote, nth) => {
      const said = view.t(["vote_up", "vote_down"][nth], box.closest("[data-number]").dataset);
      vote.replaceChildren(`${SIGNS[nth]} ${counts[nth]}`, make("span", { class: "hidden" }, ` ${said}`));
      vote.ariaPressed = `${value === VALUES[nth]}`;
    });
  /** @type {Fn} */
  const countsIn = (box) => {
    const parts = box.querySelectorAll(":scope > :not(meta)");
    return SIGNS.map((_, nth) => Number(parts[nth]?.textContent.match(/\d+/)?.[0] ?? 0));
  };

  /** @type {Fn} */
  const drawVotes = (article, votes, isAllowed) => {
    const choices = article.querySelector(".choices");
    if (!choices || mine.has(article.dataset.id)) return;
    const { number } = article.parentElement.dataset;
    let box = choices.querySelector(".votes");
    // Who may not vote any more has not voted, either.
    if (!isAllowed && !box?.querySelector("button")) return;
    if (!box) choices.prepend((box = make("span", { class: "votes" })));
    const counts = countsIn(box);
    if (!box.querySelector("button")) {
      box.replaceChildren(...SIGNS.map(() => make("button", { type: "button", name: "vote" })));
    }
    showVotes(box, votes[number], counts);
  };

  /** Votes go one after another: of two the later one counts. @type {Promise<any>} */
  let voting = Promise.resolve();
  view.when("click", ".votes button", async (vote, event) => {
    event.preventDefault();
    const box = vote.parentElement;
    const article = box.closest("article");
    const { number } = article.parentElement.dataset;
    /** @type {any} */
    const { votes } = await view.viewer();
    const was = votes[number];
    const before = countsIn(box);
    const pressed = VALUES[[...box.querySelectorAll("button")].indexOf(vote)];
    const value = was === pressed ? undefined : pressed;
    note(article.dataset.id);
    votes[number] = value;
    showVotes(box, value, before.map(/** @type {Fn} */ (n, nth) => n + Number(value === VALUES[nth]) - Number(was === VALUES[nth])));
    try {
      const asking = value ? { method: "PUT", body: { value } } : { method: "DELETE" };
      const cast = () => api.json(`${path(article.dataset.id)}vote/`, { ...asking, keepalive: true });
      const { data } = await (voting = voting.then(cast, cast));
      if (votes[number] === value) showVotes(box, value, [data.votes.up, data.votes.down]);
    } catch (problem) {
      votes[number] = was;
      showVotes(box, was, before);
      complain(article.dataset.id, problem);
    }
  });

  view.when("click", "[data-do=edit]", async (choice, event) => {
    const article = choice.closest("article");
    const { id } = article.dataset;
    const form = write();
    if (!form) return;
    event.preventDefault();
    form.wanted = id;
    try {
      const { data } = await api.json(path(id), { own: true });
      note(id);
      // Who has begun something else meanwhile goes on with that.
      if (form.wanted === id) form.open({ edit: { ...data, until: mine.get(id)?.until } });
    } catch (problem) {
      complain(id, problem);
    }
  });

  view.when("click", "[data-do=delete]", (choice, event) => {
    event.preventDefault();
    const article = choice.closest("article");
    // What was seen is what is deleted: not what has come in its place meanwhile.
    const { id, version } = article.dataset;
    if (write()?.article === article) write()?.close();
    const undo = button("", () => leave(false));
    // It is done while it may be done, and can be taken back for a second at least.
    const end = Math.min(UNDO_SECONDS, Math.max(1, ((mine.get(id)?.until || Infinity) - Date.now()) / 1000 - ON_ITS_WAY));
    const said = make("p", { class: "leaving" }, view.t("deleted"), " ", undo);
    /** Deletes it, or brings it back. @param {boolean} isMeant */
    const leave = async (isMeant) => {
      stop();
      if (!leaving.delete(id)) return;
      const hadFocus = said.contains(view.focused);
      const number = mine.get(id)?.number ?? null;
      const back = () => {
        view.keep(() => note(id));
        const shown = find(id);
        if (hadFocus && shown) view.focus(shown.querySelector("[data-do=delete]") ?? shown);
      };
      if (!isMeant) {
        back();
        return view.say(view.t("undone"));
      }
      try {
        await api.json(path(id), { method: "DELETE", headers: { "If-Match": `"${version}"` }, keepalive: true });
      } catch (problem) {
        const { status } = /** @type {any} */ (problem);
        if (status !== 404) {
          back();
          complain(id, status === 412 ? { code: "not_deleted" } : problem);
          if (status !== 412) return;
          // What stands now can be deleted after all, once it has been seen.
          if (number) await view.insert(number, { isLive: true }).catch(() => {});
          return view.refreshViewer();
        }
      }
      notes.delete(id);
      // What is answered leaves a trace, which is fetched.
      const row = view.row(number);
      if (row && view.branch(row).length) await view.insert(number).catch(() => view.remove(number));
      else view.remove(number);
      view.keep(() => said.remove());
      await view.refreshViewer();
      view.emit("deleted", { number, id: Number(id) });
    };
    leaving.set(id, () => leave(true));
    note(id, said);
    const stop = countDown(Date.now() + end * 1000, (left) => {
      undo.replaceChildren(view.t("undo"), make("span", { "aria-hidden": "true" }, ` (${left})`));
      if (!left) leave(true);
    });
    undo.focus();
    view.say(view.t("deleted_say", { n: Math.ceil(end) }));
  });
  addEventListener("pagehide", () => leaving.forEach((leave) => leave()), view);

  // What another tab has sent is one's own in this one, too.
  addEventListener("storage", () => {
    const id = recall("sent", api.base.href);
    if (typeof id !== "number" || view.own.has(`${id}`)) return;
    view.own.add(`${id}`);
    view.refreshViewer();
  }, view);
  const redraw = async () => draw(await view.viewer());
  view.on("viewer", draw);
  view.on("held", (comment) => answered.set(`${comment.id}`, comment));
  // What waited may be published now, and what is answered can be changed no more.
  /** @type {Fn} */
  const concerns = ({ id, state, number, until }, row) =>
    state === "published" ? until && row.dataset.parent === `${number}` : row.querySelector(`[data-id="${id}"]`);
  view.on("rows", ({ rows }) => {
    notes.forEach((said, id) => note(id, said));
    if (rows.some(/** @type {Fn} */ (row) => [...mine.values()].some((own) => concerns(own, row)))) view.refreshViewer();
    else redraw();
  });
  view.on("form", redraw);
  const ticking = setInterval(tick, 1000);
  signal.addEventListener("abort", () => clearInterval(ticking));
  redraw();
}

// --- all of it ---------------------------------------------------------------------------------

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
    if (!source.value.trim()) write.open({ reply: number });
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
    for (const name in write.author) write.fields[name].value = "";
    await view.refreshViewer();
    view.say(view.t("forgotten"));
    write.source.focus();
  });
}

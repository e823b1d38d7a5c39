"""The comments of a page, in any Django project: derive a view from ``ThreadPage``.

One address shows and takes everything: the host's own. What is shown is asked for by parameters
(``cursor``, ``sort``, ``comment``, ``reply_to``, ``edit``, ``delete``), what is done by the button
that was pressed (``do``, ``vote``). Whatever changes something answers 303, so that a reload never
does it twice; whatever is refused shows the same page again with what was typed.

The host's template includes ``comments/thread.html`` and loads ``comments/comments.css`` and
``comments/thread.js``; the script only finds comments that stand on another page.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext
from django.views import View

from comments.actions.answering import AnswerKnown
from comments.actions.changing import (
    check_may_delete,
    check_may_edit,
    comment_for,
    delete_comment,
    edit_comment,
)
from comments.actions.limiting import whole_address_of
from comments.actions.linking import linked_text
from comments.actions.people import GuestName
from comments.actions.posting import Submitted, submit_comment
from comments.actions.voting import cast_vote, with_votes_shown
from comments.conf import options
from comments.errors import (
    IdempotencyConflict,
    Malformed,
    NotFound,
    Refusal,
    StaleVersion,
    ThreadClosed,
    ValidationFailed,
)
from comments.language import translated
from comments.models import Comment, Format, ThreadState
from comments.queries.comments import item_of
from comments.queries.sites import profile_of, site_of
from comments.queries.statements import Question
from comments.queries.threads import ThreadHead
from comments.rules.rendering import clean_source
from comments.views.bodies import check_body, first_answer, keyed
from comments.views.forms import CommentForm, EditForm, TextForm, sentence_for, whole_number
from comments.views.links import place_of, relinked
from comments.views.showing import Asked, Showing, thread_view
from comments.views.strangers import PLACES, strangers_page
from comments.views.subscribe_forms import MailForm
from comments.views.subscribing import subscribe_by, tell_of_answers
from comments.views.viewers import Viewer, forget_guest, remember_guest, viewer_of
from comments.words import gettext_noop

VOTES = {"up": 1, "down": -1, "none": None}
SHOWN = 200
SEE_OTHER = 303


class ThreadPage(View):
    """A page with a thread below it; a host's view says which by ``thread_head``."""

    template_name = "comments/page.html"
    refusal_template_name = "comments/refusal.html"

    def thread_head(self) -> ThreadHead:
        """Returns the thread of the page.

        Raises:
            NotFound: there is no such page.
        """
        raise NotImplementedError("say which thread belongs to the page")

    def page_context(self) -> dict[str, Any]:
        """Returns what the host's template needs beside ``thread``."""
        return {}

    def page_question(self) -> Question | None:
        """Returns what tells, with its answer, whether the page is as it was; the thread on it too.

        A page is kept for those whom nobody knows as long as this is answered alike. ``None``, as
        it is unless a host says otherwise, is made anew each time.
        """
        return None

    @cached_property
    def asked(self) -> Asked:
        """Returns the request: which thread, who looks, when, and what is to be shown."""
        head, site = self.thread_head(), site_of(self.request)
        now = timezone.now()
        head = with_votes_shown(head, site_id=site.pk, now=now)
        return Asked(
            head=head,
            viewer=viewer_of(self.request, site=site),
            place=place_of(self.request, last_number=head.last_number),
            query=self.request.GET,
            now=now,
            digest=translated(profile_of(site).digest_name),
        )

    @property
    def viewer(self) -> Viewer:
        """Returns who looks."""
        return self.asked.viewer

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answers; a refusal that belongs to no form is a page of its own."""
        try:
            answer = super().dispatch(request, *args, **kwargs)
        except Refusal as refusal:
            context = {"refusal": refusal, "sentence": sentence_for(refusal)}
            answer = render(request, self.refusal_template_name, context, status=refusal.status)
        answer.headers.setdefault("Cache-Control", "private, max-age=0, must-revalidate")
        patch_vary_headers(answer, ["Cookie"])
        return answer

    # --- showing ------------------------------------------------------------------------------

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Shows the page, with the form that the parameters ask for."""
        # Asked before anything is read: what changes meanwhile makes another answer to it.
        question = self.page_question() if set(request.GET) <= PLACES else None
        showing = Showing.after(request.GET.get("done", ""))
        asks = {"edit": self._ask_edit, "delete": self._ask_delete, "reply_to": self._ask_reply}
        for name, ask in asks.items():
            if name in request.GET:
                try:
                    ask(showing, whole_number(request.GET[name]) or 0)
                except Refusal as refusal:
                    showing.refuse(refusal)
                    showing.notice_id = name
                break
        return self._answer(showing, question=question)

    def _ask_edit(self, showing: Showing, comment_id: int) -> None:
        comment = self._own(comment_id)
        showing.sought = comment.number
        if not self.viewer.is_moderator:
            check_may_edit(comment, now=self.asked.now)
        showing.edit = EditForm(
            comment_id=comment.pk,
            version=comment.version,
            initial={"source": comment.source, "format": comment.format},
        )

    def _ask_delete(self, showing: Showing, comment_id: int) -> None:
        comment = self._own(comment_id)
        showing.sought = comment.number
        if not self.viewer.is_moderator:
            check_may_delete(comment, now=self.asked.now)
        showing.delete = comment

    def _ask_reply(self, showing: Showing, number: int) -> None:
        showing.sought = number
        showing.form = self.asked.empty_form(reply_to=number) if self.asked.is_open else None

    def _own(self, comment_id: int) -> Comment:
        """Returns a comment of this thread that the viewer may change.

        Raises:
            NotFound, Forbidden: there is none.
            ThreadClosed: nothing changes here any more.
        """
        comment = comment_for(comment_id, editor=self.viewer.editor)
        if comment.thread_id != self.asked.head.id:
            raise NotFound(gettext_noop("There is no such comment."))
        if not self.asked.is_open and not self.viewer.is_moderator:
            raise ThreadClosed()
        return comment

    def _answer(self, showing: Showing, *, question: Question | None = None) -> HttpResponse:
        thread = thread_view(self.asked, showing)
        if showing.form is not None:
            showing.form.show_first_at(self.asked.now)
        context = {"thread": thread, **self.page_context()}
        if question is not None and showing.status == SHOWN and not self.viewer.is_known:
            page = (self.request, self.template_name, context)
            return strangers_page(*page, head=self.asked.head, showing=showing, question=question)
        answer = render(self.request, self.template_name, context, status=showing.status)
        if showing.retry_after_seconds:
            answer.headers["Retry-After"] = str(showing.retry_after_seconds)
        return answer

    def _refused(
        self, showing: Showing, refusal: Refusal, *, form: TextForm | MailForm | None = None
    ) -> HttpResponse:
        """Shows the page again with a refusal, as it is since."""
        if isinstance(refusal, ThreadClosed):
            head = replace(self.asked.head, state=ThreadState.CLOSED)
            self.asked = replace(self.asked, head=head)
        showing.refuse(refusal, form=form)
        return self._answer(showing)

    def _invalid(self, showing: Showing) -> HttpResponse:
        """Shows the page again with what the form found wrong."""
        showing.status, showing.is_error = ValidationFailed.status, True
        return self._answer(showing)

    def _go(self, address: str) -> HttpResponse:
        """Sends the browser to an address of this page."""
        if address.startswith("?"):
            address = f"{self.asked.place.path}{address}"
        return HttpResponseRedirect(address, status=SEE_OTHER)

    def _go_to_comment(self, comment: Comment, *, done: str = "") -> HttpResponse:
        """Sends the browser to a comment, on the page that shows it to this viewer."""
        place = self.asked.place.saying(done)
        if not comment.visible or comment.number is None:
            return self._go(place.with_(f"waiting-{comment.pk}"))
        last = max(place.last_number, comment.number)
        return self._go(replace(place, last_number=last).of_comment(comment.number))

    # --- writing ------------------------------------------------------------------------------

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Does what the pressed button says.

        Raises:
            TooLarge, Malformed: the body is not one that a form of ours sends.
        """
        check_body(request)
        if vote := request.POST.get("vote"):
            return self._vote(vote)
        do = {
            "preview": self._preview,
            "post": self._post,
            "preview-edit": self._preview_edit,
            "save": self._save,
            "delete": self._delete,
            "forget": self._forget,
            "subscribe": self._subscribe,
        }.get(request.POST.get("do", ""))
        if do is None:
            raise Malformed(gettext_noop("The form does not say what to do."))
        return do()

    def _sent_form(self, *, name_needed: bool) -> CommentForm:
        sent = self.request.POST
        form = CommentForm(
            sent,
            participant=self.viewer.participant,
            has_account=self.viewer.has_account,
            address=self.viewer.address,
            reply_to=whole_number(sent.get("reply_to")),
        )
        form.check(name_needed=name_needed)
        if sent.get("reply_to") and form.reply_to is None:
            form.add_error(None, gettext("There is no such comment to reply to."))
        return form

    def _preview(self) -> HttpResponse:
        form = self._sent_form(name_needed=False)
        showing = Showing(form=form, sought=form.reply_to)
        return self._answer_preview(showing, form, reply_to=form.reply_to)

    def _answer_preview(
        self, showing: Showing, form: TextForm, *, reply_to: int | None
    ) -> HttpResponse:
        """Shows what the text would look like, or why that cannot be said."""
        if form.errors:
            return self._invalid(showing)
        thread_id = self.asked.head.id
        try:
            self.viewer.spend("RATE_LIMIT_PREVIEW", self.request)
            source = clean_source(
                form.cleaned_data["source"], max_chars=options().max_comment_chars
            )
            text = linked_text(
                thread_id=thread_id,
                source=source,
                format=form.cleaned_data["format"] or Format.PLAIN,
                writer_id=self.viewer.participant_id,
                reply_to=Comment.objects.filter(thread_id=thread_id, number=reply_to).first(),
            )
        except Refusal as refusal:
            return self._refused(showing, refusal, form=form)
        showing.preview = relinked(text.rendered.html, address_of=self.asked.place.of_comment)
        return self._answer(showing)

    def _post(self) -> HttpResponse:
        form = self._sent_form(name_needed=True)
        showing = Showing(form=form, sought=form.reply_to)
        if form.errors:
            return self._invalid(showing)
        try:
            self.viewer.spend("RATE_LIMIT_POST", self.request)
            submitted = self._submit(form)
            comment, participant = submitted.comment, submitted.participant
        except AnswerKnown as known:
            comment, participant = first_answer(known)
        except Refusal as refusal:
            if isinstance(refusal, IdempotencyConflict):
                form.renew_key()
            return self._refused(showing, refusal, form=form)
        done = tell_of_answers(
            participant,
            address=form.address,
            how=form.how_told,
            request=self.request,
            now=self.asked.now,
        )
        answer = self._go_to_comment(comment, done=done)
        if not self.viewer.has_account:
            remember_guest(answer, participant)
        return answer

    def _submit(self, form: CommentForm) -> Submitted:
        values, now = form.cleaned_data, self.asked.now
        writer = replace(
            self.viewer.writer_from(self.request),
            honeypot=form.honeypot,
            seconds_to_write=form.seconds_to_write(now=now),
        )
        if not self.viewer.has_account:
            guest = GuestName(
                name=values["name"], email=values["email"] or form.kept_email, url=values["url"]
            )
            writer = replace(writer, guest=guest)
        return submit_comment(
            thread_id=self.asked.head.id,
            writer=writer,
            source=values["source"],
            format=values["format"] or Format.PLAIN,
            reply_to_number=form.reply_to,
            now=now,
            request=keyed(self.request, site_id=site_of(self.request).pk),
        )

    # --- being mailed -------------------------------------------------------------------------

    def _subscribe(self) -> HttpResponse:
        form = self.asked.subscribe_form(self.request.POST)
        showing = Showing(subscribe=form)
        if form.errors:
            return self._invalid(showing)
        try:
            subscribe_by(
                form, request=self.request, thread_id=self.asked.head.id, now=self.asked.now
            )
        except Refusal as refusal:
            return self._refused(showing, refusal, form=form)
        shown = self.asked.shown()
        return self._go(self.asked.place.with_("subscribe", done="asked", **shown))

    # --- changing -----------------------------------------------------------------------------

    def _sent_version(self) -> tuple[Comment, int]:
        """Returns the comment that a form changes, and the version that it was made for."""
        comment = self._own(whole_number(self.request.POST.get("comment")) or 0)
        version = whole_number(self.request.POST.get("version"))
        if version is None:
            raise Malformed(gettext_noop("The form does not say which version it changes."))
        return comment, version

    def _sent_edit(self) -> tuple[Comment, EditForm]:
        comment, version = self._sent_version()
        form = EditForm(self.request.POST, comment_id=comment.pk, version=version)
        form.is_valid()
        return comment, form

    def _preview_edit(self) -> HttpResponse:
        comment, form = self._sent_edit()
        showing = Showing(edit=form, sought=comment.number)
        answered = comment.reply_to.number if comment.reply_to is not None else None
        return self._answer_preview(showing, form, reply_to=answered)

    def _save(self) -> HttpResponse:
        comment, form = self._sent_edit()
        showing = Showing(edit=form, sought=comment.number)
        if form.errors:
            return self._invalid(showing)
        try:
            self.viewer.spend("RATE_LIMIT_POST", self.request)
            submitted = edit_comment(
                comment_id=comment.pk,
                editor=replace(self.viewer.editor, address=whole_address_of(self.request)),
                source=form.cleaned_data["source"],
                format=form.cleaned_data["format"] or None,
                version=form.version,
                now=self.asked.now,
            )
        except Refusal as refusal:
            if isinstance(refusal, StaleVersion):
                form.version = self._show_what_stands(showing, comment.pk).version
            return self._refused(showing, refusal, form=form)
        return self._go_to_comment(submitted.comment)

    def _show_what_stands(self, showing: Showing, comment_id: int) -> Comment:
        """Adds the comment as it is now; returns it."""
        comment = comment_for(comment_id, editor=self.viewer.editor)
        html = item_of(comment, own=True).html
        showing.stands_now = relinked(html, address_of=self.asked.place.of_comment)
        return comment

    def _delete(self) -> HttpResponse:
        comment, version = self._sent_version()
        showing = Showing(sought=comment.number)
        try:
            delete_comment(
                comment_id=comment.pk,
                editor=self.viewer.editor,
                version=version,
                now=self.asked.now,
            )
        except Refusal as refusal:
            if isinstance(refusal, StaleVersion):
                showing.delete = self._show_what_stands(showing, comment.pk)
            return self._refused(showing, refusal)
        return self._go(self.asked.place.with_("comments", done="deleted"))

    # --- voting, and being forgotten ------------------------------------------------------------

    def _vote(self, choice: str) -> HttpResponse:
        """Casts or withdraws a vote: ``up:812``, ``down:812`` or ``none:812``, by comment id."""
        name, _, text = choice.partition(":")
        comment_id = whole_number(text)
        if name not in VOTES or comment_id is None:
            raise Malformed(gettext_noop("This is no vote."))
        found = Comment.objects.filter(pk=comment_id, thread_id=self.asked.head.id)
        number = found.values_list("number", flat=True).first()
        try:
            if number is None:
                raise NotFound()
            participant = self.viewer.as_participant(site=site_of(self.request), now=self.asked.now)
            self.viewer.spend("RATE_LIMIT_VOTE", self.request)
            cast_vote(
                comment_id=comment_id,
                participant_id=participant.pk,
                value=VOTES[name],
                now=self.asked.now,
            )
        except Refusal as refusal:
            return self._refused(Showing(), refusal)
        return self._go(self.asked.place.with_(f"comment-{number}", **self.asked.shown()))

    def _forget(self) -> HttpResponse:
        answer = self._go(self.asked.place.with_("comments", done="forgotten"))
        forget_guest(answer)
        return answer

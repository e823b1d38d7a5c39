"""The addresses of the desk and the mail room, below the admin's; include them before its own."""

from __future__ import annotations

from django.urls import path

from comments.admin import (
    desk,
    desk_bulk,
    desk_lists,
    desk_people,
    desk_rules,
    mailroom,
    mailroom_at_once,
    mailroom_deliveries,
    mailroom_previews,
)

app_name = "desk"

urlpatterns = [
    path("", desk_lists.index, name="index"),
    path("moderation/", desk.queue, name="queue"),
    path("moderation/comments/<int:comment_id>/", desk.comment, name="comment"),
    path("moderation/decide/", desk.decide_one, name="decide"),
    path("moderation/undo/", desk.undo, name="undo"),
    path("moderation/next/", desk.next_ten, name="next"),
    path("moderation/put-back/", desk.put_back, name="put_back"),
    path("moderation/renew/", desk.renew, name="renew"),
    path("moderation/bulk/", desk_bulk.bulk, name="bulk"),
    path(
        "moderation/participants/<int:participant_id>/",
        desk_people.participant,
        name="participant",
    ),
    path(
        "moderation/participants/<int:participant_id>/address/",
        desk_people.address,
        name="address",
    ),
    path("moderation/limit/", desk_people.impose, name="impose"),
    path("moderation/lift/", desk_people.lift, name="lift"),
    path("moderation/rules/", desk_rules.rules_list, name="rules"),
    path("moderation/rules/new/", desk_rules.new_rule, name="new_rule"),
    path("moderation/rules/<int:rule_id>/", desk_rules.rule, name="rule"),
    path("moderation/rules/<int:rule_id>/simulate/", desk_rules.simulate, name="simulate"),
    path("moderation/decisions/", desk_lists.decisions_list, name="decisions"),
    path("moderation/dashboard/", desk_lists.dashboard, name="dashboard"),
    path("mail/", mailroom.mail, name="mail"),
    path("mail/office/", mailroom.office, name="mail_office"),
    path("mail/bounces/", mailroom.bounces, name="mail_bounces"),
    path("mail/bounces/lift/", mailroom.lift, name="mail_lift"),
    path("mail/find/", mailroom_deliveries.find, name="mail_find"),
    path("mail/deliveries/", mailroom_deliveries.deliveries, name="mail_deliveries"),
    path("mail/deliveries/<int:delivery_id>/", mailroom_deliveries.delivery, name="mail_delivery"),
    path(
        "mail/deliveries/<int:delivery_id>/body/",
        mailroom_deliveries.delivery_body,
        name="mail_delivery_body",
    ),
    path("mail/deliveries/<int:delivery_id>/doubt/", mailroom_deliveries.doubt, name="mail_doubt"),
    path("mail/preview/", mailroom_previews.start, name="mail_preview_start"),
    path("mail/preview/<int:subscriber_id>/", mailroom_previews.preview, name="mail_preview"),
    path(
        "mail/preview/<int:subscriber_id>/body/",
        mailroom_previews.preview_body,
        name="mail_preview_body",
    ),
    path("mail/preview/<int:subscriber_id>/test/", mailroom_previews.test, name="mail_test"),
    path(
        "mail/preview/<int:subscriber_id>/at-once/", mailroom_at_once.at_once, name="mail_at_once"
    ),
    path(
        "mail/preview/<int:subscriber_id>/at-once/body/",
        mailroom_at_once.body,
        name="mail_at_once_body",
    ),
    path(
        "mail/preview/<int:subscriber_id>/at-once/test/",
        mailroom_at_once.test,
        name="mail_at_once_test",
    ),
]

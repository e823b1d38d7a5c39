"""The addresses of the moderation desk, below the admin's; include them before the admin's own."""

from __future__ import annotations

from django.urls import path

from comments.admin import desk, desk_bulk, desk_lists, desk_people, desk_rules

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
]

"""The addresses of the moderation desk, below the admin's; include them before the admin's own."""

from __future__ import annotations

from django.urls import path

from comments.admin import desk, desk_bulk, desk_lists

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
    path("moderation/decisions/", desk_lists.decisions_list, name="decisions"),
    path("moderation/dashboard/", desk_lists.dashboard, name="dashboard"),
]

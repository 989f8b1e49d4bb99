//! Which test covers which row of the contracts. A row without a test, a row that the contract does
//! not have and a test that does not exist all fail.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Rows of `contract/chatsdk-rows.txt` and their tests.
const CHATSDK: &[(&str, &[&str])] = &[
    (
        "1.1 X-API-Key on every request",
        &[
            "authorization::user_endpoints_need_a_key_and_a_token_of_the_same_app",
            "authorization::server_endpoints_need_a_valid_key",
        ],
    ),
    (
        "1.1 Bearer token on user endpoints",
        &["authorization::user_endpoints_need_a_key_and_a_token_of_the_same_app"],
    ),
    (
        "1.1 app of the token and of the key agree",
        &["authorization::user_endpoints_need_a_key_and_a_token_of_the_same_app"],
    ),
    ("1.1 tokens signed by the app's backend", &["tokens::a_token_that_a_backend_signed_itself_is_accepted"]),
    (
        "1.1 require_api_key = false",
        &["authorization::without_required_keys_a_token_is_enough_for_users_but_not_for_servers"],
    ),
    (
        "2.5 Link preview",
        &[
            "previews::a_preview_comes_with_an_update_that_carries_the_whole_message",
            "previews::a_video_has_its_id_and_player",
        ],
    ),
    (
        "link previews",
        &[
            "previews::a_preview_comes_with_an_update_that_carries_the_whole_message",
            "previews::a_video_has_its_id_and_player",
            "previews::nothing_is_opened_where_previews_are_switched_off",
            "services/message/tests/it/previews.rs#previews_come_after_the_message_with_one_event_that_carries_it_whole",
        ],
    ),
    ("link previews of public addresses only", &["previews::a_private_address_is_not_opened"]),
    (
        "POST /api/devices",
        &[
            "devices::a_device_is_registered_once_and_a_token_moves_to_its_new_user",
            "devices::the_provider_follows_from_the_platform_and_unknown_values_are_refused",
        ],
    ),
    (
        "DELETE /api/devices/{deviceId}",
        &["devices::a_device_is_removed_by_its_id_its_device_id_or_its_token_and_only_by_its_owner"],
    ),
    (
        "GET /api/devices/preferences",
        &["devices::preferences_start_with_the_defaults_and_a_change_keeps_the_rest"],
    ),
    (
        "PATCH /api/devices/preferences",
        &["devices::preferences_start_with_the_defaults_and_a_change_keeps_the_rest"],
    ),
    (
        "4.6 push delivery",
        &[
            "push::a_message_reaches_the_device_of_whoever_is_away",
            "push::nothing_is_pushed_to_whoever_has_muted_is_quiet_has_blocked_is_here_or_has_read",
            "push::mentions_replies_reactions_and_invites_are_told_as_what_they_are",
        ],
    ),
    ("GET /api/webpush/vapid-key", &["webpush::browsers_get_the_key_of_their_app_once_web_push_is_set_up"]),
    (
        "POST /api/webpush/subscribe, unsubscribe, test",
        &["webpush::a_subscription_needs_its_endpoint_and_keys"],
    ),
    ("error UNAUTHORIZED", &["authorization::user_endpoints_need_a_key_and_a_token_of_the_same_app"]),
    ("error INVALID_TOKEN", &["tokens::expired_tampered_unsigned_and_foreign_tokens_are_refused"]),
    ("error FORBIDDEN", &["permissions::strangers_see_and_do_nothing_in_closed_channels"]),
    (
        "error NOT_FOUND",
        &["errors::unknown_routes_are_not_found", "errors::objects_of_another_app_are_not_found"],
    ),
    (
        "error VALIDATION_ERROR",
        &[
            "malformed::fields_of_the_wrong_type_are_validation_errors",
            "malformed::broken_json_is_a_validation_error",
        ],
    ),
    // "Never for bad input": every call of every scenario fails on a 5xx; these look for one.
    (
        "error INTERNAL_ERROR",
        &[
            "malformed::broken_json_is_a_validation_error",
            "malformed::fields_of_the_wrong_type_are_validation_errors",
            "malformed::bodies_of_the_wrong_shape_are_validation_errors",
        ],
    ),
    (
        "error RATE_LIMITED",
        &["limits::a_user_may_send_sixty_messages_a_minute_and_is_told_when_to_come_back"],
    ),
    ("error PAYLOAD_TOO_LARGE", &["limits::a_body_over_its_limit_is_too_large"]),
    ("error METHOD_NOT_ALLOWED", &["errors::known_routes_with_another_method_are_not_allowed"]),
    (
        "error SERVICE_UNAVAILABLE",
        &["faults::disk::a_full_disk_is_a_clear_error_and_leaves_nothing_half_written"],
    ),
    ("error MISSING_API_KEY", &["session::connect_names_what_is_wrong_with_the_key"]),
    ("error INVALID_API_KEY", &["session::connect_names_what_is_wrong_with_the_key"]),
    ("error MISSING_REFRESH_TOKEN", &["session::refresh_names_what_is_wrong_with_the_token"]),
    // A day has to pass, so the clock must be a manual one: tested in the two crates that take part.
    (
        "error REFRESH_TOKEN_EXPIRED",
        &[
            "services/auth/tests/it/refresh.rs#a_refresh_token_expires_a_day_after_its_last_rotation",
            "gateway/src/dialects/chatsdk/session/refresh.rs#refused_refresh_tokens_have_codes_of_their_own",
        ],
    ),
    ("error INVALID_REFRESH_TOKEN", &["session::refresh_names_what_is_wrong_with_the_token"]),
    ("1 malformed ids in paths", &["malformed::malformed_ids_in_the_path_are_not_found"]),
    (
        "1 absent bodies, unknown keys, wrong types",
        &[
            "malformed::an_absent_body_is_an_empty_object_and_unknown_keys_are_ignored",
            "malformed::fields_of_the_wrong_type_are_validation_errors",
        ],
    ),
    // `Answer` checks every time field of every answer.
    (
        "1 times in UTC milliseconds",
        &[
            "messages::a_sent_message_shows_everything_that_clients_read",
            "channels::a_created_channel_shows_everything_that_clients_read",
        ],
    ),
    (
        "1 CORS",
        &[
            "http::preflight_requests_are_answered_without_a_body",
            "http::configured_origins_are_echoed_with_credentials_and_others_are_not",
        ],
    ),
    ("1.3 tokens per address", &["limits::token_requests_are_limited_per_address"]),
    (
        "1.3 sends per user",
        &["limits::a_user_may_send_sixty_messages_a_minute_and_is_told_when_to_come_back"],
    ),
    ("1.3 everything else per key", &["limits::all_other_calls_are_limited_per_key_or_if_wanted_per_user"]),
    ("2.1 User", &["users::a_user_is_shown_and_the_private_part_only_to_himself_and_servers"]),
    ("2.1 deleted author", &["users::a_deleted_user_is_gone_but_the_messages_stay"]),
    ("2.1 online", &["presence::online_follows_the_connection_and_the_user_s_own_word"]),
    ("2.2 Channel", &["channels::a_created_channel_shows_everything_that_clients_read"]),
    ("2.3 Message", &["messages::a_sent_message_shows_everything_that_clients_read"]),
    ("2.4 Attachment", &["messages::attachments_are_echoed_with_what_clients_require"]),
    ("2.6 Receipts, reader", &["receipts::readers_of_a_message_are_listed_without_its_author"]),
    (
        "3.1 seq and order",
        &[
            "messages::seqs_count_without_holes_and_times_rise",
            "events::events_of_a_channel_arrive_in_commit_order_with_consecutive_offsets",
        ],
    ),
    (
        "3.2 clientMsgId",
        &[
            "idempotency::a_repeated_client_id_returns_the_first_message_in_full",
            "idempotency::twenty_parallel_sends_of_one_client_id_store_one_message",
        ],
    ),
    ("3.2 idempotencyKey", &["idempotency::a_repeated_channel_creation_returns_the_first_channel"]),
    ("3.2 repeats of other mutations", &["idempotency::add_remove_add_within_a_moment_emits_all_three"]),
    ("3.3 unread", &["unread_recount::unread_equals_a_recount_over_random_histories"]),
    (
        "3.3 read position",
        &["read_state::reading_up_to_a_message_leaves_what_comes_after_and_never_goes_back"],
    ),
    ("3.4 mentions", &["mentions::mentions_are_found_by_id_and_name_among_members"]),
    (
        "3.5 read, send, react, type",
        &["permissions::public_and_team_channels_are_read_by_all_and_joined_by_the_first_message"],
    ),
    ("3.5 livestream", &["permissions::in_a_livestream_moderators_speak_and_others_listen"]),
    ("3.5 roles", &["members::roles_are_given_up_to_the_own_and_only_below_it"]),
    ("3.5 leave", &["members::the_last_owner_hands_over_and_the_last_member_closes_the_door"]),
    (
        "POST /tokens",
        &[
            "tokens::tokens_answer_both_tokens_the_user_and_a_day",
            "tokens::a_second_token_request_updates_given_fields_merges_custom_and_keeps_the_rest",
            "tokens::token_requests_with_wrong_fields_are_refused",
        ],
    ),
    (
        "GET /api/channels",
        &[
            "channels::the_list_shows_own_channels_by_activity_and_what_may_be_discovered",
            "channels::the_list_pages_filters_and_clamps",
        ],
    ),
    (
        "POST /api/channels",
        &[
            "channels::a_created_channel_shows_everything_that_clients_read",
            "channels::channel_requests_with_wrong_fields_are_refused",
        ],
    ),
    (
        "POST /api/channels one DM per pair",
        &["channels::a_hundred_concurrent_creations_of_one_direct_channel_make_one"],
    ),
    ("GET /api/channels/{id}", &["channels::details_are_for_readers"]),
    ("DELETE /api/channels/{id}", &["channels::only_the_owner_deletes_a_channel"]),
    ("GET /api/channels/unread-count", &["read_state::unread_counts_messages_of_others_after_the_position"]),
    (
        "POST /api/channels/{id}/read",
        &[
            "read_state::the_plain_call_reads_everything",
            "read_state::reading_up_to_a_message_leaves_what_comes_after_and_never_goes_back",
        ],
    ),
    ("PATCH /api/channels/{id}/settings", &["channels::settings_answer_both_values_and_are_personal"]),
    ("POST /api/channels/{id}/typing", &["typing::typing_starts_stops_on_word_and_repeats_sparingly"]),
    ("POST /api/channels/{id}/receipts", &["receipts::a_receipt_moves_the_position_and_answers_it"]),
    (
        "GET /api/channels/{id}/receipts/messages/{mid}/receipts",
        &["receipts::readers_of_a_message_are_listed_without_its_author"],
    ),
    ("POST /api/channels/{id}/receipts/query", &["receipts::receipts_of_many_messages_are_asked_at_once"]),
    ("GET /api/channels/{id}/receipts/read-status", &["receipts::read_status_shows_every_member_s_position"]),
    (
        "GET /api/channels/{id}/messages",
        &[
            "cursors::limits_are_clamped_and_pages_walk_a_long_channel",
            "cursors::since_seq_wins_over_before_and_before_over_after",
        ],
    ),
    (
        "GET /api/channels/{id}/messages hasMore",
        &[
            "cursors::has_more_is_right_in_all_four_directions",
            "cursors::thread_replies_leave_gaps_that_no_page_waits_for",
        ],
    ),
    (
        "GET /api/channels/{id}/messages deleted messages",
        &[
            "messages::a_deleted_message_leaves_a_tombstone_that_only_sync_shows",
            "messages::since_seq_always_shows_tombstones",
        ],
    ),
    (
        "POST /api/channels/{id}/messages",
        &[
            "messages::a_sent_message_shows_everything_that_clients_read",
            "messages::messages_with_wrong_fields_are_refused",
        ],
    ),
    ("PATCH /api/channels/{id}/messages/{mid}", &["messages::the_author_edits_and_nobody_else"]),
    (
        "DELETE /api/channels/{id}/messages/{mid}",
        &[
            "messages::a_deleted_message_leaves_a_tombstone_that_only_sync_shows",
            "messages::after_the_window_even_the_author_cannot_delete",
        ],
    ),
    (
        "POST /api/channels/{id}/messages/{mid}/reactions",
        &["reactions::reactions_are_grouped_counted_and_marked_as_own"],
    ),
    (
        "DELETE /api/channels/{id}/messages/{mid}/reactions/{emoji}",
        &["reactions::any_emoji_and_any_code_will_do"],
    ),
    (
        "POST /api/channels/{id}/messages/{mid}/pin",
        &["pins::at_most_twenty_five_pins_hold_under_concurrency"],
    ),
    ("DELETE /api/channels/{id}/messages/{mid}/pin", &["pins::pinned_messages_are_listed_newest_pin_first"]),
    ("GET /api/channels/{id}/pins", &["pins::pinned_messages_are_listed_newest_pin_first"]),
    ("GET /api/users", &["users::users_are_listed_by_name_and_found_by_part_of_it"]),
    ("GET /api/users/{userId}", &["users::a_user_is_shown_and_the_private_part_only_to_himself_and_servers"]),
    ("POST /api/users/sync", &["users::sync_reports_each_user_for_itself"]),
    ("PUT /api/users/{userId}", &["users::put_creates_and_merges_a_user"]),
    ("DELETE /api/users/{userId}", &["users::a_deleted_user_is_gone_but_the_messages_stay"]),
    ("POST /api/users/bulk-delete", &["users::many_users_are_deleted_at_once_and_unknown_ones_skipped"]),
    (
        "POST /api/realtime/subscription-token",
        &["session::subscription_tokens_name_one_channel_that_the_user_may_follow"],
    ),
    ("POST /api/auth/connect", &["session::connect_opens_a_short_session"]),
    (
        "POST /api/auth/refresh",
        &[
            "session::refresh_takes_the_token_as_bearer_or_in_the_body_and_rotates_it",
            "session::parallel_tabs_may_use_one_refresh_token_at_the_same_time",
        ],
    ),
    ("GET /health", &["http::health_needs_no_credentials"]),
    ("PATCH /api/channels/{id}", &["channels::owners_and_admins_update_a_channel"]),
    ("GET /api/channels/{id}/members", &["members::members_are_listed_with_their_roles"]),
    (
        "POST /api/channels/{id}/members",
        &[
            "members::members_are_added_singly_or_together_and_only_once",
            "members::anybody_joins_a_public_channel_and_nobody_a_private_one",
        ],
    ),
    (
        "PATCH /api/channels/{id}/members/{userId}",
        &["members::roles_are_given_up_to_the_own_and_only_below_it"],
    ),
    (
        "DELETE /api/channels/{id}/members/{userId}",
        &["members::moderators_remove_lower_roles_and_everybody_leaves"],
    ),
    (
        "GET /api/channels/{id}/messages/{mid}",
        &["messages::single_messages_are_read_with_and_without_their_channel"],
    ),
    ("GET /api/messages/{mid}", &["messages::single_messages_are_read_with_and_without_their_channel"]),
    (
        "GET /api/channels/{id}/messages/{mid}/thread",
        &[
            "threads::replies_are_read_ascending_beside_their_parent",
            "threads::a_thread_is_paged_backward_by_id_and_forward_by_time",
        ],
    ),
    (
        "POST /api/channels/{id}/messages/{mid}/thread",
        &["threads::replies_need_a_live_top_level_parent_of_the_channel"],
    ),
    (
        "POST /api/presence/heartbeat, online, offline",
        &["presence::online_follows_the_connection_and_the_user_s_own_word"],
    ),
    ("POST /api/presence/query", &["presence::presence_is_asked_for_many_and_told_of_companions_only"]),
    ("GET /api/channels/{id}/presence", &["presence::a_channel_tells_who_is_there"]),
    ("GET /api/users/me", &["users::a_user_is_shown_and_the_private_part_only_to_himself_and_servers"]),
    ("PATCH /api/users/me", &["users::people_change_their_own_profile"]),
    ("6.1 chat:{appId}:{channelId}", &["realtime::subscribing::a_fresh_subscription_tells_its_position"]),
    (
        "6.1 user:{appId}:{userId}",
        &["realtime::recovery::the_own_channel_recovers_what_was_directed_to_the_user"],
    ),
    (
        "6.1 authorised by membership",
        &[
            "realtime::subscribing::channels_that_are_not_open_to_the_user_are_refused_and_the_connection_stays",
            "realtime::subscribing::an_optional_subscription_token_must_fit_and_never_replaces_membership",
        ],
    ),
    ("event message.new", &["events::message_new_carries_the_full_message_to_everybody_and_to_the_sender"]),
    ("event message.updated", &["events::message_updated_carries_the_full_message"]),
    ("event message.deleted", &["events::message_deleted_names_the_message"]),
    ("event reaction.added", &["events::reactions_are_told_with_their_user"]),
    ("event reaction.removed", &["events::reactions_are_told_with_their_user"]),
    ("event typing.start", &["typing::typing_starts_stops_on_word_and_repeats_sparingly"]),
    ("event typing.stop", &["typing::silence_and_the_message_itself_end_typing"]),
    (
        "event channel.member_joined",
        &[
            "events::joining_and_leaving_are_told_in_the_channel_and_to_the_member",
            "events::joining_by_the_first_message_is_told_before_the_message",
        ],
    ),
    ("event channel.member_left", &["events::joining_and_leaving_are_told_in_the_channel_and_to_the_member"]),
    ("event read.updated", &["events::reading_is_told_to_the_channel_and_the_counts_to_the_reader"]),
    ("event read_receipt", &["events::receipts_are_told_with_reader_and_message"]),
    (
        "event channel.unread_changed",
        &[
            "events::messages_of_others_change_the_unread_counts_exactly",
            "events::current_counts_are_pushed_after_subscribing",
        ],
    ),
    ("event channel.total_unread_changed", &["events::messages_of_others_change_the_unread_counts_exactly"]),
    ("event presence.online", &["events::presence_is_told_to_companions"]),
    (
        "event presence.offline",
        &["events::presence_is_told_to_companions", "events::a_quick_reconnect_announces_nothing"],
    ),
    (
        "event channel.created",
        &[
            "events::creating_updating_and_deleting_a_channel_are_told",
            "events::a_discoverable_channel_is_announced_to_everybody_of_the_app",
        ],
    ),
    ("event channel.updated", &["events::creating_updating_and_deleting_a_channel_are_told"]),
    ("event channel.deleted", &["events::creating_updating_and_deleting_a_channel_are_told"]),
    ("event thread.reply", &["events::thread_replies_are_told_with_the_parent_s_new_count"]),
    (
        "6.3 recovery after reconnect",
        &[
            "realtime::recovery::fifty_messages_sent_while_away_arrive_once_and_in_order",
            "realtime::recovery::at_least_a_hundred_events_can_be_recovered",
        ],
    ),
    (
        "6.3 typing and presence without offset",
        &[
            "typing::typing_starts_stops_on_word_and_repeats_sparingly",
            "events::presence_is_told_to_companions",
        ],
    ),
    (
        "6.3 removed member: unsubscribe push 2000",
        &[
            "realtime::membership::a_removed_member_is_unsubscribed_before_anything_later",
            "realtime::membership::nothing_is_heard_after_removal_however_fast_it_follows",
        ],
    ),
    (
        "6.3 deleted user: close 3503",
        &["realtime::membership::a_deleted_user_is_disconnected_within_a_second"],
    ),
    (
        "6.3 revoked session: close 3500",
        &["realtime::tokens::replaying_an_old_refresh_token_revokes_the_session_and_closes_its_connections"],
    ),
    (
        "3.5 workspace invite",
        &[
            "invites::invites_with_wrong_fields_or_by_the_wrong_people_are_refused",
            "services/channel/tests/it/invites.rs#nobody_invites_above_his_own_role_and_plain_members_do_not_invite",
        ],
    ),
    (
        "3.5 workspace roles",
        &[
            "workspaces::members_are_added_changed_and_removed_by_those_who_may",
            "services/channel/tests/it/workspaces.rs#two_owners_who_go_at_once_leave_one",
        ],
    ),
    (
        "3.5 block between two users",
        &[
            "blocks::after_a_block_neither_writes_to_the_other_until_it_is_taken_back",
            "blocks::typing_is_refused_between_two_of_whom_one_has_blocked_the_other",
            "blocks::after_a_block_neither_sees_whether_the_other_is_there",
        ],
    ),
    ("GET /api/workspaces", &["workspaces::a_created_workspace_shows_everything_that_clients_read"]),
    (
        "POST /api/workspaces",
        &[
            "workspaces::a_created_workspace_shows_everything_that_clients_read",
            "workspaces::workspace_requests_with_wrong_fields_are_refused",
        ],
    ),
    (
        "POST /api/workspaces/{wid}/invite link",
        &[
            "invites::a_link_makes_people_members_by_either_endpoint",
            "invites::of_twenty_who_come_at_once_as_many_get_in_as_the_link_says",
            "invites::invites_lead_to_the_app_that_is_set",
        ],
    ),
    ("POST /api/workspaces/{wid}/invite e-mail", &["invites::an_invite_by_e_mail_is_for_its_address_alone"]),
    ("GET /api/channels workspaceId", &["workspaces::channels_of_a_workspace_are_for_its_members"]),
    ("POST /api/channels workspaceId", &["workspaces::channels_of_a_workspace_are_for_its_members"]),
    ("GET /api/workspaces/{wid}", &["workspaces::a_created_workspace_shows_everything_that_clients_read"]),
    (
        "PATCH, PUT /api/workspaces/{wid}",
        &["workspaces::a_workspace_is_changed_by_its_managers_and_all_members_hear_of_it"],
    ),
    ("DELETE /api/workspaces/{wid}", &["workspaces::a_deleted_workspace_and_its_channels_are_gone"]),
    (
        "POST /api/workspaces/{wid}/members",
        &["workspaces::members_are_added_changed_and_removed_by_those_who_may"],
    ),
    (
        "PATCH, DELETE /api/workspaces/{wid}/members/{userId}",
        &[
            "workspaces::members_are_added_changed_and_removed_by_those_who_may",
            "workspaces::who_is_removed_from_a_workspace_loses_its_channels_at_once",
        ],
    ),
    ("GET /api/workspaces/{wid}/channels", &["workspaces::channels_of_a_workspace_are_for_its_members"]),
    (
        "GET /api/workspaces/invites/{token}, POST /api/workspaces/invites/{token}/accept",
        &["invites::a_link_makes_people_members_by_either_endpoint"],
    ),
    (
        "POST, DELETE /api/users/{userId}/block",
        &["blocks::after_a_block_neither_writes_to_the_other_until_it_is_taken_back"],
    ),
    ("GET /api/users/me/blocked", &["blocks::one_s_blocks_are_listed_for_oneself_and_nobody_blocks_himself"]),
    ("event workspace.created", &["workspaces::a_created_workspace_shows_everything_that_clients_read"]),
    (
        "event workspace.updated",
        &["workspaces::a_workspace_is_changed_by_its_managers_and_all_members_hear_of_it"],
    ),
    ("event workspace.deleted", &["workspaces::a_deleted_workspace_and_its_channels_are_gone"]),
    (
        "event workspace.member_joined",
        &[
            "workspaces::members_are_added_changed_and_removed_by_those_who_may",
            "invites::a_link_makes_people_members_by_either_endpoint",
        ],
    ),
];

/// Rows of `contract/centrifugo-rows.txt` and their tests.
const CENTRIFUGO: &[(&str, &[&str])] = &[
    (
        "1 JSON and Protobuf chosen by subprotocol",
        &[
            "realtime::connecting::compression_is_declined_and_the_subprotocol_chosen_is_echoed",
            "realtime::connecting::connect_tells_client_version_expiry_and_pings_in_both_encodings_on_both_listeners",
        ],
    ),
    ("1 Protobuf chosen by query", &["realtime::connecting::the_query_chooses_protobuf_as_well"]),
    ("1 empty subprotocol header", &["realtime::connecting::an_empty_subprotocol_header_means_none"]),
    (
        "1 permessage-deflate declined",
        &["realtime::connecting::compression_is_declined_and_the_subprotocol_chosen_is_echoed"],
    ),
    ("1 Origin checked", &["realtime::connecting::pages_of_other_origins_are_turned_away"]),
    (
        "1 limit: message 64 KiB",
        &["realtime::framing::a_message_over_64_kib_is_a_bad_request_and_one_below_is_not"],
    ),
    (
        "1 limit: commands per frame",
        &["realtime::framing::more_than_256_commands_in_a_frame_are_a_bad_request"],
    ),
    (
        "1 limit: subscriptions",
        &["realtime::subscribing::a_connection_carries_at_most_128_subscriptions_and_255_byte_names"],
    ),
    (
        "1 limit: channel name",
        &["realtime::subscribing::a_connection_carries_at_most_128_subscriptions_and_255_byte_names"],
    ),
    (
        "1 limit: outgoing queue",
        &["faults::slow::a_consumer_that_stops_reading_is_closed_as_slow_and_recovers_everything"],
    ),
    (
        "connect",
        &[
            "realtime::connecting::connect_tells_client_version_expiry_and_pings_in_both_encodings_on_both_listeners",
        ],
    ),
    ("subscribe", &["realtime::subscribing::a_fresh_subscription_tells_its_position"]),
    ("unsubscribe", &["realtime::subscribing::nothing_arrives_after_unsubscribing"]),
    ("refresh", &["realtime::tokens::refreshing_takes_a_fresh_token_of_the_same_user"]),
    ("sub_refresh", &["realtime::tokens::subscription_tokens_follow_the_table"]),
    ("publish", &["realtime::framing::commands_that_are_not_available_say_so"]),
    ("rpc", &["realtime::framing::commands_that_are_not_available_say_so"]),
    ("send", &["realtime::framing::commands_that_are_not_available_say_so"]),
    ("subscribe.type other than 0", &["realtime::framing::commands_that_are_not_available_say_so"]),
    (
        "2.3 anything but connect while unauthenticated",
        &["realtime::framing::anything_but_connect_before_connecting_is_a_bad_request"],
    ),
    ("2.3 second connect", &["realtime::framing::a_second_connect_is_a_bad_request"]),
    ("2.3 pong without a ping", &["realtime::framing::an_unasked_pong_is_a_bad_request"]),
    ("2.3 id required", &["realtime::framing::a_command_without_an_id_is_a_bad_request"]),
    ("2.3 command ping", &["realtime::framing::commands_that_are_not_available_say_so"]),
    (
        "2.3 order and one frame of replies",
        &["realtime::connecting::connect_and_subscribes_in_one_frame_are_answered_in_order_in_one_frame"],
    ),
    (
        "error 102",
        &[
            "realtime::subscribing::channels_that_are_not_open_to_the_user_are_refused_and_the_connection_stays",
        ],
    ),
    (
        "error 103",
        &[
            "realtime::subscribing::channels_that_are_not_open_to_the_user_are_refused_and_the_connection_stays",
        ],
    ),
    (
        "error 105",
        &["realtime::subscribing::subscribing_twice_is_an_error_and_unsubscribing_always_succeeds"],
    ),
    (
        "error 106",
        &["realtime::subscribing::a_connection_carries_at_most_128_subscriptions_and_255_byte_names"],
    ),
    ("error 107", &["realtime::tokens::subscription_tokens_follow_the_table"]),
    ("error 108", &["realtime::framing::commands_that_are_not_available_say_so"]),
    ("error 109", &["realtime::tokens::an_expired_token_is_error_109_on_connect_and_close_3005_on_refresh"]),
    ("error 111", &["realtime::closing::too_many_connections_are_told_to_come_back_later"]),
    ("error 112", &["realtime::recovery::what_cannot_be_recovered_is_said"]),
    (
        "unsubscribe 2000",
        &["realtime::membership::leaving_and_deletion_of_the_channel_end_the_subscription_too"],
    ),
    ("close 3001", &["realtime::liveness::sigterm_drains_with_a_reconnect_code_and_a_harmless_reason"]),
    ("close 3005", &["realtime::tokens::a_connection_outlives_its_token_by_the_grace_only"]),
    (
        "close 3008",
        &["faults::slow::a_consumer_that_stops_reading_is_closed_as_slow_and_recovers_everything"],
    ),
    (
        "close 3012",
        &["realtime::liveness::an_answered_ping_keeps_the_connection_and_an_unanswered_one_ends_it"],
    ),
    ("close 3500", &["realtime::tokens::connecting_with_a_bad_token_is_final_and_has_a_reason"]),
    ("close 3501", &["realtime::framing::broken_frames_are_bad_requests"]),
    ("close 3502", &["realtime::liveness::a_connection_that_never_connects_is_stale"]),
    ("close 3503", &["realtime::membership::a_deleted_user_is_disconnected_within_a_second"]),
    ("close 3508", &["realtime::framing::commands_that_are_not_available_say_so"]),
    (
        "trap 3500 with an empty reason",
        &["realtime::tokens::connecting_with_a_bad_token_is_final_and_has_a_reason"],
    ),
    (
        "trap reasons that are valid JSON",
        &[
            "realtime::liveness::sigterm_drains_with_a_reconnect_code_and_a_harmless_reason",
            "realtime::tokens::connecting_with_a_bad_token_is_final_and_has_a_reason",
        ],
    ),
    (
        "trap 1009 on oversize",
        &["realtime::framing::a_message_over_64_kib_is_a_bad_request_and_one_below_is_not"],
    ),
    (
        "token connect expired",
        &["realtime::tokens::an_expired_token_is_error_109_on_connect_and_close_3005_on_refresh"],
    ),
    ("token connect bad", &["realtime::tokens::connecting_with_a_bad_token_is_final_and_has_a_reason"]),
    (
        "token connect with a channel claim",
        &["realtime::tokens::connecting_with_a_bad_token_is_final_and_has_a_reason"],
    ),
    ("token connect none", &["realtime::tokens::connecting_with_a_bad_token_is_final_and_has_a_reason"]),
    ("token subscribe bad", &["realtime::tokens::subscription_tokens_follow_the_table"]),
    ("token subscribe mismatch", &["realtime::tokens::subscription_tokens_follow_the_table"]),
    (
        "token refresh expired",
        &["realtime::tokens::an_expired_token_is_error_109_on_connect_and_close_3005_on_refresh"],
    ),
    ("token refresh bad", &["realtime::tokens::refreshing_with_a_wrong_token_closes_the_connection"]),
    ("token refresh mismatch", &["realtime::tokens::refreshing_with_a_wrong_token_closes_the_connection"]),
    ("token refresh none", &["realtime::tokens::refreshing_with_a_wrong_token_closes_the_connection"]),
    ("token sub_refresh bad", &["realtime::tokens::subscription_tokens_follow_the_table"]),
    ("token sub_refresh mismatch", &["realtime::tokens::subscription_tokens_follow_the_table"]),
    ("token sub_refresh none", &["realtime::tokens::subscription_tokens_follow_the_table"]),
    (
        "token reused until it expires",
        &["realtime::storm::a_listener_that_comes_and_goes_during_a_storm_gets_everything_once_in_order"],
    ),
    (
        "5 position of a fresh subscription",
        &["realtime::subscribing::a_fresh_subscription_tells_its_position"],
    ),
    ("5 recovered", &["realtime::recovery::fifty_messages_sent_while_away_arrive_once_and_in_order"]),
    ("5 not recovered", &["realtime::recovery::what_cannot_be_recovered_is_said"]),
    ("5 nothing newer", &["realtime::recovery::nothing_new_is_recovered_too"]),
    ("5 flag: reject unrecovered", &["realtime::recovery::what_cannot_be_recovered_is_said"]),
    ("5 reply before publications", &["realtime::subscribing::the_reply_comes_before_the_first_publication"]),
    ("5 ephemeral events", &["typing::typing_starts_stops_on_word_and_repeats_sparingly"]),
    ("5 history survives a restart", &["realtime::recovery::a_restart_keeps_the_epoch_and_the_history"]),
    (
        "5 unsubscribe always succeeds",
        &["realtime::subscribing::subscribing_twice_is_an_error_and_unsubscribing_always_succeeds"],
    ),
    (
        "5 recovery while publications flow",
        &["realtime::storm::a_listener_that_comes_and_goes_during_a_storm_gets_everything_once_in_order"],
    ),
    (
        "6 ping and pong",
        &["realtime::liveness::an_answered_ping_keeps_the_connection_and_an_unanswered_one_ends_it"],
    ),
    ("6 pings on busy connections", &["realtime::liveness::busy_connections_are_pinged_too"]),
    ("6 no connect in time", &["realtime::liveness::a_connection_that_never_connects_is_stale"]),
    (
        "6 drain",
        &[
            "realtime::liveness::sigterm_drains_with_a_reconnect_code_and_a_harmless_reason",
            "faults::sigkill::a_rolling_stop_finishes_what_is_in_flight",
        ],
    ),
    ("client Node JSON", &["clients::the_stock_node_client_works_in_json"]),
    ("client Node Protobuf", &["clients::the_stock_node_client_works_in_protobuf"]),
    ("client Python JSON", &["clients::the_stock_python_client_works_in_json"]),
    ("client Python Protobuf", &["clients::the_stock_python_client_works_in_protobuf"]),
];

fn rows_of(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// Names of all tests of this binary.
fn tests() -> BTreeSet<String> {
    let output = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Whether `file#name` is a test of another crate.
fn is_test_elsewhere(test: &str) -> bool {
    let Some((file, name)) = test.split_once('#') else { return false };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    std::fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("fn {name}(")))
}

#[track_caller]
fn is_complete(file: &str, table: &[(&str, &[&str])]) {
    let rows = rows_of(file);
    let covered: Vec<&str> = table.iter().map(|(row, _)| *row).collect();
    for row in &rows {
        assert_eq!(rows.iter().filter(|other| *other == row).count(), 1, "{file} lists {row} twice");
        assert_eq!(
            covered.iter().filter(|other| *other == row).count(),
            1,
            "no test, or two lines, for {row}"
        );
    }
    for row in &covered {
        assert!(rows.iter().any(|other| other == row), "{row} is not in {file}");
    }
    let known = tests();
    for (row, tests) in table {
        assert!(!tests.is_empty(), "no test for {row}");
        for test in *tests {
            let exists = known.contains(*test) || is_test_elsewhere(test);
            assert!(exists, "{row}: there is no test {test}");
        }
    }
}

#[test]
fn every_row_of_the_chatsdk_contract_has_a_test() {
    is_complete("chatsdk-rows.txt", CHATSDK);
}

#[test]
fn every_row_of_the_realtime_protocol_has_a_test() {
    is_complete("centrifugo-rows.txt", CENTRIFUGO);
}

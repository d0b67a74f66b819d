//! The suite: each case gets a store of its own.

use crate::Store;

use super::{archive, caches, failures, login, queue, reopen, session};

/// Runs every case against an empty store that `make` makes. Its queue takes at least ten stanzas and at most 10,000.
///
/// # Panics
///
/// If the store does not do what [`Store`] says.
pub fn run<S: Store>(make: impl Fn() -> S) {
    let cases: &[fn(&mut S)] = &[
        login::an_empty_store_knows_nothing,
        login::facts_belong_to_one_server,
        login::s2_pipelining_that_failed_outlives_the_other_facts,
        login::t2_t5_floor_and_keys_belong_to_the_account,
        login::t13_keys_of_the_server_belong_to_the_account,
        login::s5_an_older_token_stays_in_reserve,
        login::s5_a_used_token_clears_the_reserve,
        login::s5_a_log_out_forgets_all_credentials,
        login::s6_a_count_never_falls,
        login::installation_is_kept,
        caches::s10_endpoints_are_kept_by_domain,
        caches::s10_endpoints_written_first_make_room,
        caches::s9_caps_belong_to_no_jid_or_to_one,
        caches::s9_caps_learnt_first_make_room,
        session::i13_a_session_is_replaced_as_a_whole,
        session::i3_resuming_keeps_the_counters,
        session::i23_what_a_session_owes_is_stored_with_it,
        session::i16_counters_wrap,
        session::without_a_session_its_changes_do_nothing,
        session::i1_deliveries_stay_until_confirmed,
        session::i20_deliveries_come_in_pages,
        session::s8_items_and_version_change_together,
        session::w3_a_contact_is_one_contact_however_it_is_spelled,
        session::i2_what_a_delivery_is_stays_known,
        queue::sent_first_then_by_number,
        queue::i5_sent_stanzas_keep_the_order_of_sending,
        queue::numbers_are_never_used_twice,
        queue::i8_only_messages_outlive_a_session,
        queue::a_new_session_takes_its_stanzas_over,
        queue::core_stanzas_are_not_loaded_without_a_session,
        queue::acked_and_failed_leave,
        queue::i12_the_queue_is_bounded,
        queue::i20_the_cores_own_stanzas_take_no_room_of_the_apps,
        queue::i13_a_change_that_cannot_be_applied_changes_nothing,
        queue::i8_the_head_of_a_stanza_stays_known,
        archive::the_cursor_moves_with_what_it_covers,
        archive::i2_what_was_seen_stays_seen,
        archive::i17_what_a_message_may_repeat_stays_known,
        archive::w5_the_time_of_the_cursor_stays_known,
        archive::i21_what_the_archive_has_to_be_asked_for_stays_known,
        archive::i8_open_sessions_stay_known,
        archive::i8_a_possible_gap_stays_known_until_it_was_received,
        archive::the_oldest_messages_are_forgotten,
        archive::i8_a_message_of_a_lost_session_is_unknown,
        archive::i8_only_messages_note_the_cursor,
        failures::w1_failures_stay_known,
        failures::w1_failures_end_with_what_they_belong_to,
        failures::w1_failures_belong_to_their_server,
        failures::i20_failures_are_bounded,
        reopen::everything_is_there_again,
        reopen::i16_numbers_go_on_where_they_were,
    ];
    for case in cases {
        case(&mut make());
    }
}

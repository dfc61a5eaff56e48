//! What every store must do, as tests over [`Store`]: one list, run on each engine. Also the private
//! PostgreSQL server that tests use.
#![expect(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a library of tests: their names are sentences, and they fail by panicking"
)]

pub mod access;
pub mod admissions;
pub mod apply;
pub mod approvals;
pub mod books;
pub mod cluster;
pub mod cross;
pub mod deliveries;
pub mod device_views;
pub mod due;
pub mod editing;
pub mod enrolment;
pub mod inspections;
pub mod integrity;
pub mod load;
pub mod notices;
pub mod people;
pub mod postgres;
pub mod privacy;
pub mod records;
pub mod register;
pub mod rulebook;
pub mod saved;
pub mod succession;
pub mod views;
pub mod world;

use std::sync::Arc;

use deskwarden_domain::port::Store;

/// One database, empty at first, that can be opened again and again.
pub trait Bench: Sync {
    /// Opens it.
    fn open(&self) -> Arc<dyn Store>;
}

/// Makes one `#[test]` of every test of the suite: `conformance!(bench())` where the expression makes an
/// `Option` of a new [`Bench`], which may be `None`: that skips.
#[macro_export]
macro_rules! conformance {
    ($bench:expr) => {
        $crate::conformance! { @ $bench;
            enrolment: [
                a_one_use_token_enrols_exactly_one_of_a_hundred_callers,
                a_batch_token_stops_at_its_maximum,
                the_same_key_and_nonce_get_the_same_device_again,
                another_key_with_the_same_nonce_is_not_the_same,
                a_token_that_does_not_hold_is_refused,
                a_device_of_a_token_with_approval_waits,
                a_revoked_device_gets_no_second_answer,
                a_device_id_is_given_once,
                tokens_are_listed_and_withdrawn,
                a_token_with_a_broken_network_is_refused,
                a_status_that_bars_is_listed,
                a_retired_device_is_no_longer_current,
                a_renewed_certificate_is_noted,
                what_does_not_exist_cannot_be_changed,
            ];
            load: [
                an_unknown_device_is_none,
                what_was_applied_is_there_after_a_restart,
                a_touched_scope_holds_what_was_named,
                a_head_is_as_whole_as_everything_has_it_and_nothing_else,
                many_devices_are_loaded_in_order,
                staged_chunks_come_back_in_order,
                extreme_numbers_survive,
                hostile_text_survives,
            ];
            apply: [
                a_batch_of_another_generation_is_stale,
                a_batch_on_an_older_asset_is_stale,
                a_batch_on_another_position_is_stale,
                an_action_on_an_older_finding_is_stale,
                a_finding_that_somebody_else_wrote_is_stale,
                a_refused_batch_leaves_nothing,
                an_unknown_device_is_refused,
                an_unknown_asset_is_refused,
                an_alert_without_its_finding_is_refused,
                writers_that_meet_lose_nothing,
                writers_that_meet_on_new_facets_all_get_through,
                an_event_is_stored_once,
                an_item_put_twice_keeps_the_last,
                an_item_keeps_when_it_was_first_seen,
                what_is_removed_is_gone,
                claims_of_an_item_are_replaced,
                a_source_keeps_its_first_look,
                a_finding_is_one_row_by_its_natural_key,
                a_name_that_nobody_gave_follows_the_host_name,
            ];
            approvals: [
                approvals_are_granted_listed_and_withdrawn,
                an_approval_makes_due_exactly_what_it_touches,
                a_report_that_was_loaded_before_an_approval_is_stale,
                approvals_are_loaded_with_their_assets_until_they_are_over,
                an_approval_for_an_unknown_asset_leaves_nothing,
                what_several_devices_show_is_looked_at_again,
                an_approval_follows_a_link_and_comes_back_with_it,
            ];
            notices: [
                a_notice_is_issued_listed_and_answered,
                a_number_is_given_once,
                a_notice_is_rectified_with_its_last_finding,
                an_asset_is_loaded_with_what_it_is_late_with_until_that_is_over,
                whoever_a_notice_names_can_be_forgotten,
            ];
            admissions: [
                an_admission_token_admits_so_many_devices_and_none_becomes_part_of_the_fleet,
                an_admission_token_that_ended_or_was_withdrawn_admits_nobody,
                the_last_look_counts_and_is_good_for_a_time,
            ];
            inspections: [
                a_run_takes_every_pc_as_it_is_and_once_per_label,
                a_run_over_nothing_is_a_run,
                a_critical_finding_has_its_provider_assessed_anew_until_somebody_settles_it,
                old_runs_go_and_the_newest_of_each_stays,
            ];
            integrity: [
                what_is_as_it_was_stored_has_no_faults,
            ];
            records: [
                breaches_and_accepted_changes_are_listed_by_period_and_department,
            ];
            due: [
                a_new_asset_is_due_until_it_is_judged,
                a_wake_up_time_makes_due_when_it_comes,
                a_raised_generation_makes_everything_due,
                an_edit_makes_due_and_raises_the_version,
                a_device_is_due_once_and_within_the_limit,
                a_pending_device_is_not_due,
            ];
            editing: [
                whoever_has_to_do_with_a_rule_is_found,
                an_asset_stands_on_its_sources,
            ];
            cross: [
                a_touched_value_is_due_until_it_was_looked_at_once,
                a_look_that_came_too_late_leaves_no_finding,
                a_picture_holds_what_is_said_assigned_and_known,
                the_addresses_of_a_subnet_are_what_is_assigned_seen_and_found,
                what_many_say_alike_is_one_row_with_a_count,
                accepted_claims_are_replaced_and_what_they_were_is_looked_at,
                an_imported_table_replaces_the_one_before,
                an_edited_ledger_has_its_addresses_looked_at,
                dhcp_ranges_are_replaced_and_everything_is_judged_again,
                other_rules_have_every_value_looked_at_once,
                a_device_that_returns_has_what_it_shares_looked_at,
            ];
            succession: [
                a_new_device_is_proposed_for_the_asset_that_shares_its_serials,
                a_serial_that_many_share_recognises_nobody,
                a_hello_with_other_hints_is_found_by_them,
                a_linked_device_takes_the_place_of_the_earlier_one,
                a_link_is_taken_back_as_it_was,
                only_a_new_device_is_linked,
                a_pc_that_was_registered_before_it_came_is_linked,
            ];
            rulebook: [
                the_newest_accepted_version_is_in_force,
                only_accepted_versions_raise_the_generation,
                a_text_is_known_once_it_was_imported,
                versions_are_listed_newest_first,
                of_two_who_replace_a_version_one_does,
                a_setting_is_replaced_and_raises_the_generation,
            ];
            access: [
                a_user_is_found_by_name_and_id,
                a_taken_name_is_a_conflict,
                a_new_password_ends_the_other_sessions,
                a_session_ends_by_age_idleness_and_order,
                a_session_of_nobody_is_refused,
                of_parallel_guesses_at_most_the_threshold_is_allowed,
                a_lockout_ends_and_a_right_password_clears_it,
                guesses_far_apart_do_not_add_up,
                the_audit_chain_holds_under_parallel_writers,
                audit_records_are_read_from_a_sequence_on,
                one_of_many_gets_a_lease,
                a_lease_is_renewed_and_expires,
                a_clock_that_was_ahead_keeps_nobody_away,
                what_nobody_asks_for_again_is_tidied_away,
            ];
            people: [
                changed_rights_end_every_session,
                a_vouched_person_has_one_account_whose_roles_follow_the_groups,
                without_a_group_nobody_gets_an_account,
                a_vouched_name_takes_no_account_that_is_not_its_own,
                an_administrator_with_a_local_password_stays,
                parallel_first_sign_ins_make_one_account,
                the_last_administrator_stays,
                of_administrators_who_switch_each_other_off_one_stays,
                a_session_waits_for_its_code,
                a_time_step_and_a_recovery_code_are_used_once,
                a_token_of_the_api_holds_until_it_ends_or_is_withdrawn,
                the_audit_log_is_filtered_newest_first,
                names_of_people_come_back_from_the_audit_log,
                the_audit_log_is_kept_for_two_hundred_days_at_least,
            ];
            saved: [
                a_view_belongs_to_whoever_saved_it,
                a_name_is_taken_once_and_views_are_bounded,
                views_that_name_a_person_go_with_them,
            ];
            privacy: [
                accounts_are_found_by_what_they_are_and_by_sid,
                everything_of_a_person_is_handed_out,
                an_erased_person_is_gone_and_the_rest_is_whole,
                whoever_may_sign_in_is_not_erased,
            ];
            deliveries: [
                an_alert_is_queued_once_per_channel_and_bound_once,
                deliveries_are_listed_newest_first_by_channel_and_state,
                an_alert_that_no_channel_wants_is_done_with,
                resolved_knows_who_was_told,
                parallel_planning_and_binding_make_no_delivery_twice,
                a_failed_delivery_is_tried_again_or_dead_and_sent_again_when_asked,
                definitions_are_kept_replaced_and_removed,
                a_delivery_says_what_a_message_needs,
                an_unknown_delivery_is_refused,
            ];
            views: [
                the_overview_counts,
                times_of_findings_are_read_from_their_history,
                findings_are_filtered_sorted_and_cut,
                a_finding_has_evidence_and_history,
                assets_are_filtered_sorted_and_cut,
                signs_of_patterns_are_only_signs,
                an_asset_has_its_devices,
                rules_are_counted,
                a_limited_reader_sees_own_departments_only,
                a_list_is_walked_by_ids_without_gap_or_repeat,
                records_and_departments_are_counted,
            ];
            device_views: [
                a_device_has_sources_counts_and_outcomes,
                items_stand_beside_their_baseline,
                the_timeline_is_newest_first,
                gaps_are_newest_first,
                lost_records_are_summed_per_device,
                blind_sources_are_counted,
                facets_are_counted_over_current_devices,
                agents_are_counted_by_version_and_by_whether_they_report,
            ];
            register: [
                an_asset_is_made_and_changed,
                a_registered_asset_is_no_longer_provisional,
                a_taken_number_is_a_conflict,
                an_unknown_asset_cannot_be_changed,
                the_ledger_is_ordered_by_address,
                a_ledger_entry_makes_its_assets_due,
                what_is_no_address_is_refused,
            ];
            books: [
                the_register_and_its_books_are_read_page_by_page,
                what_is_edited_of_an_asset_is_its_history,
                a_file_of_assets_is_written_whole_or_not_at_all,
                a_provider_that_is_named_stays,
                rows_are_put_replaced_and_removed,
                a_row_of_an_unknown_asset_leaves_nothing,
                papers_are_loaded_with_their_asset,
                an_edited_row_makes_due_exactly_what_it_touches,
                media_and_licences_are_looked_at_over_all_pcs,
                a_pc_that_is_expected_by_its_serial_is_proposed,
                what_tells_departments_is_gathered,
                a_person_is_handed_out_and_forgotten_in_every_book,
            ];
        }
    };
    (@ $bench:expr; $($noun:ident: [$($test:ident,)*];)*) => {
        $(mod $noun {
            #[allow(unused_imports, clippy::allow_attributes, reason = "the expression may need it")]
            use super::*;
            $(
                #[test]
                fn $test() {
                    if let Some(bench) = $bench {
                        $crate::conformance::$noun::$test(&bench);
                    }
                }
            )*
        })*
    };
}

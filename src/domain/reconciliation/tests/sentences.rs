//! The words: each sentence with its numbers, and what happens next.

use super::{
    Case, Check, claimed, graded, nothing_told, only_conversions, only_views, reported, unsupported,
};
use crate::model::{EvidenceGrade, Metric, PlatformKind};

fn views_sentence(case: &Case) -> String {
    case.comparison(Metric::Views).reason
}

fn conversions_sentence(number: u64, case: impl FnOnce(Case) -> Case) -> String {
    let claim = Case::new(PlatformKind::Instagram, claimed(None, None, Some(number)));
    case(claim).comparison(Metric::Conversions).reason
}

#[test]
fn an_excess_is_told_with_its_numbers() {
    assert_eq!(
        views_sentence(&Case::views(12_500).views_observed(48, 10_000)),
        "Claimed 12,500 views; Instagram reports 10,000 (owner's token): 25.00 % above, HIGH."
    );
    assert_eq!(
        views_sentence(&Case::views(3_000_000).views_observed(48, 200)),
        "Claimed 3,000,000 views; Instagram reports 200 (owner's token): 1,499,900.00 % above, HIGH."
    );
}

#[test]
fn a_figure_of_zero_is_told_without_a_percentage() {
    assert_eq!(
        views_sentence(&Case::views(500).views_observed(48, 0)),
        "Claimed 500 views; Instagram reports 0 (owner's token): above 0, HIGH."
    );
}

#[test]
fn the_floor_is_told_where_it_decided() {
    assert_eq!(
        views_sentence(&Case::views(18).views_observed(48, 10)),
        "Claimed 18 views; Instagram reports 10 (owner's token): 80.00 % above, but by no more than \
         10 in number, LOW."
    );
}

#[test]
fn a_verified_claim_is_told_with_the_figure_and_its_grade() {
    let definition = "youtube.viewCount";
    let case = Case::new(PlatformKind::YouTube, claimed(Some(1), None, None)).observed(
        1,
        only_views(graded(1_000, definition, EvidenceGrade::Public)),
    );
    assert_eq!(
        views_sentence(&case),
        "Claimed 1 view; YouTube reports 1,000 (public count): within it."
    );
}

#[test]
fn another_definition_is_named() {
    let plays = |value| only_views(reported(value, "instagram.plays"));
    assert_eq!(
        views_sentence(&Case::views(900).observed(1, plays(1_000))),
        "Claimed 900 views; Instagram reports 1,000 as instagram.plays (owner's token), another \
         definition: it covers the claim."
    );
    assert_eq!(
        views_sentence(&Case::views(1_900).observed(1, plays(1_000))),
        "Claimed 1,900 views; Instagram reports 1,000 as instagram.plays (owner's token), another \
         definition: it does not cover the claim and does not count against it."
    );
}

#[test]
fn the_words_of_the_platform_are_kept() {
    let reddit = Case::new(PlatformKind::Reddit, claimed(Some(900), None, None))
        .observed(1, only_views(unsupported()));
    assert_eq!(
        views_sentence(&reddit),
        "Claimed 900 views; Reddit never tells how many: Views are not published; score 12, 3 \
         comments."
    );
    assert_eq!(
        views_sentence(&Case::views(900).observed(1, nothing_told())),
        "Claimed 900 views; Instagram did not tell how many: The account has not granted access."
    );
}

#[test]
fn what_could_not_be_checked_says_why() {
    assert_eq!(
        views_sentence(&Case::views(900).gone(1)),
        "Claimed 900 views: not checked, because the post is no longer on Instagram."
    );
    assert_eq!(
        views_sentence(&Case::views(900).unreachable()),
        "Claimed 900 views: not checked, because Instagram could not be reached: it answers with \
         errors."
    );
    assert_eq!(
        views_sentence(&Case::views(900)),
        "Claimed 900 views: not checked yet, Instagram has not been asked since the claim."
    );
    assert_eq!(
        views_sentence(&Case::views(900).duplicate()),
        "Claimed 900 views: not checked, because this post had been submitted before."
    );
    assert_eq!(
        views_sentence(
            &Case::views(12_500)
                .views_observed(1, 10_000)
                .checked(168)
                .last()
        ),
        "Claimed 12,500 views; Instagram reports 10,000 (owner's token), but nothing was read at or \
         after 2026-03-03 12:00:00 UTC, when such numbers have settled: the excess is not confirmed \
         and does not count."
    );
}

#[test]
fn a_reason_from_outside_stays_on_one_line() {
    let mut case = Case::views(900).unreachable();
    case.check = Check::Unreachable {
        detail: "a\0b\nc.".to_owned(),
    };
    assert_eq!(
        views_sentence(&case),
        "Claimed 900 views: not checked, because Instagram could not be reached: a b c."
    );
}

#[test]
fn conversions_say_how_many_were_claimed_signed_and_reversed() {
    assert_eq!(
        conversions_sentence(90, |case| case.orders(80, 10, 20)),
        "Claimed 90 conversions; signed orders leave 50 for this claim (80 signed, 10 reversed, 20 \
         credited to earlier claims): 80.00 % above, HIGH."
    );
    assert_eq!(
        conversions_sentence(50, |case| case.orders(80, 10, 20)),
        "Claimed 50 conversions; signed orders leave 50 for this claim (80 signed, 10 reversed, 20 \
         credited to earlier claims): within it."
    );
    let purchases = |case: Case, value| {
        let figure = graded(value, "meta.ads.omni_purchase", EvidenceGrade::PlatformApp);
        case.observed(1, only_conversions(figure))
    };
    assert_eq!(
        conversions_sentence(5, |case| purchases(case, 6)),
        "Claimed 5 conversions; Instagram reports 6 as meta.ads.omni_purchase (application access), \
         another definition: it covers the claim."
    );
    assert_eq!(
        conversions_sentence(5, |case| case),
        "Claimed 5 conversions: not checked, because the advertiser has not delivered a signed order \
         yet."
    );
}

#[test]
fn a_provisional_verdict_says_when_it_is_checked_again() {
    let case = Case::views(900).observed(1, nothing_told());
    assert_eq!(
        case.verdict().explanation,
        "Claimed 900 views; Instagram did not tell how many: The account has not granted access. \
         Provisional: the next check is at 2026-03-02 12:00:00 UTC."
    );
    assert!(
        case.checked(1_000)
            .verdict()
            .explanation
            .ends_with("Provisional: it is checked again.")
    );
}

#[test]
fn a_provisional_excess_says_what_would_confirm_it() {
    let explanation = Case::views(12_500)
        .views_observed(1, 10_000)
        .verdict()
        .explanation;
    let next = "Provisional: only a number read at or after 2026-03-03 12:00:00 UTC confirms an \
                excess; the next check is at 2026-03-02 12:00:00 UTC.";
    assert!(explanation.ends_with(next), "{explanation}");
}

#[test]
fn a_final_verdict_says_so_and_names_only_what_is_claimed() {
    let case = Case::new(PlatformKind::Instagram, claimed(Some(0), None, None));
    assert_eq!(
        case.verdict().explanation,
        "Claimed 0 views: nothing to check. This verdict is final."
    );
    let nothing = Case::new(PlatformKind::Instagram, claimed(None, None, None)).verdict();
    assert_eq!(
        nothing.explanation,
        "Nothing is claimed. This verdict is final."
    );
    assert_eq!(nothing.comparisons[1].reason, "No clicks are claimed.");
}

#[test]
fn a_failed_verdict_says_that_the_platform_was_not_reached() {
    let case = Case::views(900).observed(1, nothing_told()).unreachable();
    let explanation = case.verdict().explanation;
    assert!(
        explanation.contains("This check did not reach Instagram: it answers with errors."),
        "{explanation}"
    );
}

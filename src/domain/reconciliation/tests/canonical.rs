//! The canonical form and the chain over it, against values computed by another program (Python's
//! json and hashlib).

use serde_json::json;

use super::super::MalformedComparison;
use super::super::canonical::{GENESIS, Record, canonical, chain_hash};
use super::{Comparison, ReasonCode, Verdict, at, claimed};
use crate::model::{DiscrepancyLevel, EvidenceGrade, Finality, Metric, ReconciliationStatus};

const RAW: &str = "dd5bd667afd325b76b411246ab465bc24d97b21ccb8d9a5abc3d625ad4464d0b";

const CANONICAL: &str = concat!(
    r#"{"claim":{"affiliate_id":"3","canonical_url":"https://www.instagram.com/p/Caña/","#,
    r#""clicks":null,"conversions":"0","post_id":"2","report_id":"1","#,
    r#""submitted_at":"2026-01-01T00:00:00.000000Z","views":"12500"},"policy_version":"1","#,
    r#""raw_observation_sha256":"#,
    r#""dd5bd667afd325b76b411246ab465bc24d97b21ccb8d9a5abc3d625ad4464d0b","#,
    r#""verdict":{"comparisons":[{"actual":"10000","claimed":"12500","difference":"2500","#,
    r#""difference_percent":"25.00","evidence_grade":"OWNER_TOKEN","level":"HIGH","#,
    r#""metric":"VIEWS","platform_report_id":"9","reason":"Claimed 12,500 \"views\".","#,
    r#""reason_code":"ABOVE_PLATFORM_FIGURE"}],"explanation":"One line\nand another.","#,
    r#""finality":"FINAL","level":"HIGH","platform_report_id":"9","#,
    r#""processed_at":"2026-01-03T04:05:06.000007Z","status":"DISCREPANCY"}}"#,
);

fn verdict() -> Verdict {
    Verdict {
        status: ReconciliationStatus::Discrepancy,
        level: Some(DiscrepancyLevel::High),
        finality: Finality::Final,
        comparisons: vec![Comparison {
            metric: Metric::Views,
            claimed: Some(12_500),
            actual: Some(10_000),
            difference: Some(2_500),
            difference_percent: Some("25.00".parse().unwrap()),
            level: Some(DiscrepancyLevel::High),
            evidence_grade: Some(EvidenceGrade::OwnerToken),
            platform_report_id: Some(9),
            reason_code: ReasonCode::AbovePlatformFigure,
            reason: "Claimed 12,500 \"views\".".to_owned(),
        }],
        explanation: "One line\nand another.".to_owned(),
        platform_report_id: Some(9),
    }
}

fn record(verdict: &Verdict) -> Record<'_> {
    Record {
        report_id: 1,
        post_id: 2,
        affiliate_id: 3,
        canonical_url: "https://www.instagram.com/p/Caña/",
        claimed: claimed(Some(12_500), None, Some(0)),
        submitted_at: at("2026-01-01T00:00:00Z"),
        raw_observation_hash: Some(RAW),
        verdict,
        processed_at: at("2026-01-03T04:05:06.000007Z"),
        policy_version: 1,
    }
}

#[test]
fn the_canonical_form_is_the_documented_one() {
    assert_eq!(canonical(&record(&verdict())).unwrap(), CANONICAL);
}

#[test]
fn the_chain_starts_at_zeros_and_each_hash_covers_the_one_before() {
    assert_eq!(GENESIS, "0".repeat(64));
    let first = chain_hash(GENESIS, CANONICAL);
    assert_eq!(
        first,
        "bfb27f774f491ccca8c6bfa97f1a40dda8b79e98cbeaa0cc3f49c5564450c803"
    );
    let second = chain_hash(&first, CANONICAL);
    assert_eq!(
        second,
        "d22c93edf383afe05bf79324559e00574c8c8bce7b755efdaaf47944943e3c17"
    );
}

#[test]
fn what_the_database_gives_back_has_the_same_form() {
    let mut stored = verdict();
    stored.comparisons[0].difference_percent = Some("25".parse().unwrap());
    assert_eq!(canonical(&record(&stored)).unwrap(), CANONICAL);
    let nanoseconds = at("2026-01-01T00:00:00.000000999Z");
    let verdict = verdict();
    let finer = Record {
        submitted_at: nanoseconds,
        ..record(&verdict)
    };
    assert_eq!(canonical(&finer).unwrap(), CANONICAL);
}

#[test]
fn null_and_zero_are_not_the_same() {
    let verdict = verdict();
    let null = Record {
        claimed: claimed(Some(12_500), None, None),
        ..record(&verdict)
    };
    assert_ne!(canonical(&null).unwrap(), CANONICAL);
}

#[test]
fn every_part_of_the_record_is_held_fast() {
    let verdict = verdict();
    let base = record(&verdict);
    let changes = [
        Record {
            report_id: 4,
            ..base
        },
        Record { post_id: 4, ..base },
        Record {
            affiliate_id: 4,
            ..base
        },
        Record {
            canonical_url: "https://www.instagram.com/p/Cana/",
            ..base
        },
        Record {
            claimed: claimed(Some(12_501), None, Some(0)),
            ..base
        },
        Record {
            submitted_at: at("2026-01-01T00:00:00.000001Z"),
            ..base
        },
        Record {
            raw_observation_hash: None,
            ..base
        },
        Record {
            processed_at: at("2026-01-03T04:05:06.000008Z"),
            ..base
        },
        Record {
            policy_version: 2,
            ..base
        },
    ];
    for change in changes {
        assert_ne!(canonical(&change).unwrap(), CANONICAL, "{change:?}");
    }
}

#[test]
fn every_part_of_the_verdict_is_held_fast() {
    let changes: [fn(&mut Verdict); 17] = [
        |verdict| verdict.status = ReconciliationStatus::Matched,
        |verdict| verdict.level = None,
        |verdict| verdict.finality = Finality::Provisional,
        |verdict| verdict.explanation.push('.'),
        |verdict| verdict.platform_report_id = None,
        |verdict| verdict.comparisons.clear(),
        |verdict| verdict.comparisons[0].metric = Metric::Clicks,
        |verdict| verdict.comparisons[0].claimed = None,
        |verdict| verdict.comparisons[0].actual = Some(10_001),
        |verdict| verdict.comparisons[0].difference = Some(-2_500),
        |verdict| verdict.comparisons[0].difference_percent = None,
        |verdict| verdict.comparisons[0].level = Some(DiscrepancyLevel::Low),
        |verdict| verdict.comparisons[0].evidence_grade = None,
        |verdict| verdict.comparisons[0].platform_report_id = Some(8),
        |verdict| verdict.comparisons[0].reason_code = ReasonCode::WithinFloor,
        |verdict| verdict.comparisons[0].reason.clear(),
        |verdict| verdict.comparisons.push(verdict.comparisons[0].clone()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = verdict();
        change(&mut changed);
        assert_ne!(
            canonical(&record(&changed)).unwrap(),
            CANONICAL,
            "change {number}"
        );
    }
}

#[test]
fn a_stored_comparison_is_read_back_as_it_was() {
    let comparison = verdict().comparisons[0].clone();
    assert_eq!(Comparison::from_json(&comparison.to_json()), Ok(comparison));
}

#[test]
fn a_stored_comparison_that_was_changed_is_refused_by_its_field() {
    let stored = verdict().comparisons[0].to_json();
    for (field, wrong) in [
        ("metric", json!("LIKES")),
        ("claimed", json!(12_500)),
        ("actual", json!("ten thousand")),
        ("difference", json!("")),
        ("difference_percent", json!("a quarter")),
        ("level", json!("SEVERE")),
        ("evidence_grade", json!("SCREENSHOT")),
        ("platform_report_id", json!("9.5")),
        ("reason_code", json!(null)),
        ("reason", json!(null)),
    ] {
        let mut changed = stored.clone();
        changed[field] = wrong;
        assert_eq!(
            Comparison::from_json(&changed),
            Err(MalformedComparison { field })
        );
        changed.as_object_mut().unwrap().remove(field);
        assert_eq!(
            Comparison::from_json(&changed),
            Err(MalformedComparison { field })
        );
    }
}

#[test]
fn a_stored_comparison_has_one_form() {
    let stored = verdict().comparisons[0].to_json();
    for (field, other) in [
        ("claimed", "012500"),
        ("difference", "+2500"),
        ("difference_percent", "25.0"),
        ("likes", "3"),
    ] {
        let mut changed = stored.clone();
        changed[field] = json!(other);
        let refused = Err(MalformedComparison { field: "form" });
        assert_eq!(Comparison::from_json(&changed), refused, "{field}");
    }
    let mut changed = stored;
    changed["difference_percent"] = json!("25e999999999");
    let refused = Err(MalformedComparison {
        field: "difference_percent",
    });
    assert_eq!(Comparison::from_json(&changed), refused);
}

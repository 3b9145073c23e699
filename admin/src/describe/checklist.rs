//! Checklists and statements, from and to the wire.

use stagegate_api::{
    CheckCategory, CheckEvidence, CheckFile, CheckKind, CheckLine, CheckStanding, ChecklistDetail,
    CoverageFound, DroppedCheck, ReadinessDemand, SmokeFound, StaleCheck, StatementDetail,
    StatementKind,
};
use stagegate_control as control;
use stagegate_readiness as readiness;

/// A checklist.
#[must_use]
pub fn checklist(of: &control::ReleaseChecklist) -> ChecklistDetail {
    let list = &of.checklist;
    ChecklistDetail {
        workload: of.workload.clone(),
        release: of.release.clone(),
        policy: of.policy.clone(),
        demand: demand(of.demand),
        at_ms: of.at_ms,
        open: list.open().count() as u64,
        waived: list.count(readiness::Standing::Waived) as u64,
        checks: list.lines.iter().map(line).collect(),
        dropped: list
            .dropped
            .iter()
            .map(|it| DroppedCheck { id: it.id.clone(), reason: it.reason.clone() })
            .collect(),
    }
}

fn line(line: &readiness::Line) -> CheckLine {
    CheckLine {
        id: line.id.clone(),
        category: category(line.category),
        kind: kind(line.kind),
        question: line.question.clone(),
        owner: line.owner.clone(),
        standing: standing(line.standing),
        seen: line.seen.clone(),
        remedy: line.remedy.clone(),
        by: line.by.clone(),
        at_ms: line.at_ms,
        until_ms: line.until_ms,
        reason: line.reason.clone(),
    }
}

/// A check that went stale.
#[must_use]
pub fn stale_check(it: &control::StaleCheck) -> StaleCheck {
    StaleCheck {
        id: it.check.clone(),
        owner: it.owner.clone(),
        why: it.why.clone(),
        remedy: it.remedy.clone(),
        since_ms: it.since_ms,
    }
}

/// A statement that was made now.
#[must_use]
pub fn statement_made(made: &control::StatementMade) -> StatementDetail {
    statement(&made.workload, &made.release, made.audit_seq, &made.statement)
}

/// A statement.
#[must_use]
pub fn statement(
    workload: &str,
    release: &str,
    audit_seq: u64,
    it: &readiness::Statement,
) -> StatementDetail {
    StatementDetail {
        workload: workload.to_owned(),
        release: release.to_owned(),
        audit_seq,
        check: it.check.clone(),
        kind: statement_kind(it.kind),
        by: it.by.clone(),
        at_ms: it.at_ms,
        until_ms: it.until_ms,
        reason: it.reason.clone(),
        fingerprint: it.fingerprint.clone(),
        link: it.link.clone(),
        file: it.file.as_ref().map(|file| CheckFile {
            name: file.name.clone(),
            sha256: file.sha256.clone(),
            bytes: file.bytes,
        }),
        document: it.document.clone(),
        date_ms: it.date_ms,
        evidence: it.evidence.as_ref().map(evidence),
    }
}

fn evidence(evidence: &readiness::Evidence) -> CheckEvidence {
    match evidence.clone() {
        readiness::Evidence::Coverage { share, samples, content_hash, ids_hash } => CheckEvidence {
            coverage: Some(CoverageFound { share, samples, content_hash, ids_hash }),
            smoke: None,
        },
        readiness::Evidence::Smoke { minutes, requests, failed } => {
            CheckEvidence { coverage: None, smoke: Some(SmokeFound { minutes, requests, failed }) }
        }
    }
}

/// Converts submitted evidence; the first part counts.
#[must_use]
pub fn given_evidence(given: CheckEvidence) -> Option<readiness::Evidence> {
    let coverage = given.coverage.map(|it| readiness::Evidence::Coverage {
        share: it.share,
        samples: it.samples,
        content_hash: it.content_hash,
        ids_hash: it.ids_hash,
    });
    let smoke = given.smoke.map(|it| readiness::Evidence::Smoke {
        minutes: it.minutes,
        requests: it.requests,
        failed: it.failed,
    });
    coverage.or(smoke)
}

/// Converts a submitted file.
#[must_use]
pub fn given_file(file: CheckFile) -> readiness::FileSeen {
    readiness::FileSeen { name: file.name, sha256: file.sha256, bytes: file.bytes }
}

/// Converts a submitted kind.
#[must_use]
pub const fn given_kind(kind: StatementKind) -> readiness::StatementKind {
    match kind {
        StatementKind::Sign => readiness::StatementKind::Sign,
        StatementKind::Attach => readiness::StatementKind::Attach,
        StatementKind::Waive => readiness::StatementKind::Waive,
        StatementKind::Withdraw => readiness::StatementKind::Withdraw,
    }
}

const fn statement_kind(kind: readiness::StatementKind) -> StatementKind {
    match kind {
        readiness::StatementKind::Sign => StatementKind::Sign,
        readiness::StatementKind::Attach => StatementKind::Attach,
        readiness::StatementKind::Waive => StatementKind::Waive,
        readiness::StatementKind::Withdraw => StatementKind::Withdraw,
    }
}

const fn demand(demand: readiness::Demand) -> ReadinessDemand {
    match demand {
        readiness::Demand::Required => ReadinessDemand::Required,
        readiness::Demand::Advisory => ReadinessDemand::Advisory,
        readiness::Demand::Off => ReadinessDemand::Off,
    }
}

const fn category(category: readiness::Category) -> CheckCategory {
    match category {
        readiness::Category::Evaluation => CheckCategory::Evaluation,
        readiness::Category::Release => CheckCategory::Release,
        readiness::Category::Rollback => CheckCategory::Rollback,
        readiness::Category::Monitoring => CheckCategory::Monitoring,
        readiness::Category::Policy => CheckCategory::Policy,
        readiness::Category::Afterwards => CheckCategory::Afterwards,
        readiness::Category::Own => CheckCategory::Own,
    }
}

const fn kind(kind: readiness::Kind) -> CheckKind {
    match kind {
        readiness::Kind::Proved => CheckKind::Proved,
        readiness::Kind::Signed => CheckKind::Signed,
        readiness::Kind::Attached => CheckKind::Attached,
        readiness::Kind::ProvedAndSigned => CheckKind::ProvedAndSigned,
    }
}

pub(super) const fn standing(standing: readiness::Standing) -> CheckStanding {
    match standing {
        readiness::Standing::Yes => CheckStanding::Yes,
        readiness::Standing::No => CheckStanding::No,
        readiness::Standing::Waived => CheckStanding::Waived,
        readiness::Standing::Expired => CheckStanding::Expired,
    }
}

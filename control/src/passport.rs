//! Passports: issued where a release was tried, admitted where it is rolled out. Both are recorded.

use super::admitted::AdmittedPassport;
use super::readiness::{policy_for, subject};
use super::{Action, Answer, Control, ExecuteError, IdempotencyKey, Inner, Live, View, now_ms};
use serde_json::json;
use stagegate_readiness::{
    Gatekeeper, Passport, PassportRefusal, Pins, SignedPassport, StatementRefusal, admit,
};
use stagegate_rollout::ReleaseName;
use stagegate_sealed::{SigningKey, verifies};
use stagegate_store::{Attachment, AuditFilter, FactKind, NewAudit, NewChange, NewFact};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The request to admit a passport.
#[derive(Clone, Debug)]
pub struct AdmitOrder {
    /// The actor.
    pub actor: String,
    /// The workload.
    pub workload: String,
    /// The release.
    pub release: ReleaseName,
    /// The passport.
    pub signed: SignedPassport,
    /// The reason; may be empty.
    pub reason: String,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<AdmittedPassport>>,
}

impl Control {
    /// Issues a passport: signs what is known of the release now.
    ///
    /// # Errors
    /// When there is no such workload or release, no key, or the store cannot be written.
    pub async fn export_passport(
        &self,
        actor: &str,
        workload: &str,
        release: Option<&ReleaseName>,
        reason: String,
    ) -> Result<SignedPassport, ExecuteError> {
        let list = self.checklist(workload, release, None).await?;
        let view = self.view();
        let live = view.locate(workload)?.1;
        let release: ReleaseName = subject(live, release)?;
        let (environment, key) = signer(&view).await?;
        let newest = self.inner.ask(|store| Ok(store.audit(&AuditFilter::default(), 1)?.pop()));
        let newest = newest.await?;
        let (fingerprint, pins) = pinned(&view, live, &release);
        let passport = Passport {
            environment,
            workload: workload.to_owned(),
            release: release.to_string(),
            fingerprint,
            pins: pins.named(),
            issued_ms: now_ms(),
            issued_by: actor.to_owned(),
            checks: Passport::checks_of(&list.checklist),
            audit_seq: newest.as_ref().map_or(0, |it| it.seq),
            audit_hash: newest.map(|it| it.hash).unwrap_or_default(),
        };
        let payload = json!(passport).to_string();
        let signature = key.sign(payload.as_bytes());
        let signed = SignedPassport::of(payload, key.public(), signature);
        self.inner.record_export(&passport, &signed.key, reason).await?;
        Ok(signed)
    }

    /// Admits a passport, or says what speaks against it.
    ///
    /// # Errors
    /// An [`ExecuteError`]; nothing was admitted then.
    pub async fn admit_passport(
        &self,
        order: AdmitOrder,
    ) -> Result<Answer<AdmittedPassport>, ExecuteError> {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { inner.admit_passport(order).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }

    /// Compares a passport with the release here and verifies it, without admitting it.
    ///
    /// # Errors
    /// When there is no such workload, or something speaks against the passport.
    pub fn judge_passport(
        &self,
        workload: &str,
        release: &ReleaseName,
        signed: &SignedPassport,
    ) -> Result<Passport, ExecuteError> {
        let view = self.view();
        let live = view.locate(workload)?.1;
        subject(live, Some(release))?;
        judged(&view, live, release, signed)
    }

    /// The passport that was admitted last for a release.
    ///
    /// # Errors
    /// When there is no such workload or release, or the store cannot be read.
    pub async fn passport(
        &self,
        workload: &str,
        release: Option<&ReleaseName>,
    ) -> Result<Option<AdmittedPassport>, ExecuteError> {
        let view = self.view();
        let live = view.locate(workload)?.1;
        let (name, release) = (live.split.spec().name.clone(), subject(live, release)?);
        let kept = self.inner.ask(move |store| {
            Ok(store.facts(FactKind::Passport, &name, release.as_str(), 1)?.pop())
        });
        let kept = kept.await?;
        Ok(kept.and_then(|fact| {
            let admitted: AdmittedPassport = serde_json::from_str(&fact.body).ok()?;
            Some(AdmittedPassport { audit_seq: fact.seq, ..admitted })
        }))
    }
}

impl Inner {
    async fn record_export(
        self: &Arc<Self>,
        passport: &Passport,
        key: &str,
        reason: String,
    ) -> Result<(), ExecuteError> {
        let entry = NewAudit {
            at_ms: passport.issued_ms,
            actor: passport.issued_by.clone(),
            workload: Some(passport.workload.clone()),
            action: Action::PassportExport.label().to_owned(),
            reason,
            summary: format!("passport of release {} issued", passport.release),
            details: json!({
                "release": passport.release, "fingerprint": passport.fingerprint, "key": key,
            }),
        };
        self.append_in_order(&passport.workload, NewChange::entry_only(entry)).await.map(drop)
    }

    async fn admit_passport(
        self: &Arc<Self>,
        order: AdmitOrder,
    ) -> Result<Answer<AdmittedPassport>, ExecuteError> {
        let wanted = order.clone();
        let work = move |inner: Arc<Self>| async move { inner.try_admit(&wanted).await };
        let key = order.idempotency.as_ref();
        self.once_in_order(&order.workload, key, &order.actor, work).await
    }

    /// Judges and records; the caller has the right to write.
    async fn try_admit(
        &self,
        order: &AdmitOrder,
    ) -> Result<Answer<AdmittedPassport>, ExecuteError> {
        self.ledger()?;
        let view = self.view();
        let live = view.locate(&order.workload)?.1;
        subject(live, Some(&order.release))?;
        let passport = judged(&view, live, &order.release, &order.signed)?;
        let admitted =
            AdmittedPassport { by: order.actor.clone(), at_ms: now_ms(), audit_seq: 0, passport };
        let passport = &admitted.passport;
        let fact = NewFact {
            kind: FactKind::Passport,
            workload: live.split.spec().name.clone(),
            subject: passport.release.clone(),
            once: None,
            body: json!(admitted).to_string(),
        };
        let entry = NewAudit {
            at_ms: admitted.at_ms,
            actor: order.actor.clone(),
            workload: Some(order.workload.clone()),
            action: Action::PassportAdmit.label().to_owned(),
            reason: order.reason.clone(),
            summary: format!(
                "passport of release {} from {} admitted",
                passport.release, passport.environment
            ),
            details: json!({ "signed": order.signed }),
        };
        let change = NewChange {
            answer: order.idempotency.as_ref().map(|key| key.keeping(&order.actor, &admitted)),
            attachments: vec![Attachment::Fact(fact)],
            ..NewChange::entry_only(entry)
        };
        let recorded = self.append(view.epoch, change).await?;
        let made = |audit_seq| AdmittedPassport { audit_seq, ..admitted };
        Answer::of(recorded, order.idempotency.as_ref(), made)
    }
}

/// Digest and names of a release's pins.
fn pinned(view: &View, live: &Live, release: &ReleaseName) -> (String, Pins) {
    let workload = view.config.workload(live.split.spec().name.as_str());
    let declared = workload.and_then(|it| it.releases.get(release));
    declared.map_or_else(Default::default, |it| {
        (it.fingerprint(), super::readiness::pins(&it.artifact))
    })
}

fn judged(
    view: &View,
    live: &Live,
    release: &ReleaseName,
    signed: &SignedPassport,
) -> Result<Passport, ExecuteError> {
    let (fingerprint, pins) = pinned(view, live, release);
    let settings = view.config.readiness(&policy_for(view, live, release).name);
    let nobody = BTreeMap::new();
    let here = Gatekeeper {
        workload: live.split.spec().name.as_str(),
        release: release.as_str(),
        fingerprint: &fingerprint,
        pins: &pins,
        trusted: view.config.environment.as_ref().map_or(&nobody, |it| &it.trusted),
        demand: settings.passport.as_ref(),
        now_ms: now_ms(),
    };
    let read = |text: &str| serde_json::from_str(text).map_err(|error| error.to_string());
    admit(signed, &here, read, verifies)
        .map_err(|PassportRefusal(why)| ExecuteError::Check(StatementRefusal(why)))
}

/// The name of this environment and its key.
async fn signer(view: &View) -> Result<(String, SigningKey), ExecuteError> {
    let missing = |why: &str| {
        ExecuteError::NotNow(format!(
            "{why}: set `environment: {{ name: staging, key: KEYFILE }}`; `stagegate key new --out KEYFILE` makes a key"
        ))
    };
    let environment =
        view.config.environment.as_ref().ok_or_else(|| missing("this environment has no name"))?;
    let path = environment.key.clone().ok_or_else(|| missing("this environment has no key"))?;
    let shown = path.display().to_string();
    let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
    let text = text.map_err(|error| ExecuteError::Lost(error.to_string()))?;
    let text =
        text.map_err(|error| missing(&format!("the key {shown} cannot be read ({error})")))?;
    let key = SigningKey::read(&text).ok_or_else(|| missing(&format!("{shown} is no key")))?;
    Ok((environment.name.clone(), key))
}

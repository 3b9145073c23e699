//! Passports from one instance to another, and exercises: what is judged, kept and shown by the checklist.

use crate::plane::CONFIG;
use crate::world::World;
use stagegate_control::{
    AdmitOrder, AdmittedPassport, Answer, ExecuteError, Exercise, ExerciseOrder, ExerciseReport,
    Precondition,
};
use stagegate_readiness::{SignedPassport, Standing};
use stagegate_rollout::ReleaseName;
use stagegate_sealed::SigningKey;

fn v2() -> ReleaseName {
    "v2".parse().unwrap()
}

/// An instance that signs as `staging`.
async fn staging(config: &str) -> (World, String) {
    let config = format!("{config}environment: {{ name: staging, key: staging.key }}\n");
    let world = World::with(&config).await;
    let (key, text) = SigningKey::generate().unwrap();
    std::fs::write(world.dir.path().join("staging.key"), text).unwrap();
    (world, key.public())
}

/// An instance that trusts a key of `staging`, and demands a passport.
async fn production(key: &str) -> World {
    let config = format!(
        "{CONFIG}environment: {{ name: production, trusted: {{ staging: [\"{key}\"] }} }}\n\
         policies: {{ default: {{ readiness: {{ demand: required, passport: {{ from: staging, checks: [E24] }} }} }} }}\n"
    );
    World::with(&config).await
}

impl World {
    async fn export(&self) -> Result<SignedPassport, ExecuteError> {
        self.control.export_passport("ci", "agent", Some(&v2()), String::new()).await
    }

    async fn admit(&self, signed: SignedPassport) -> Result<AdmittedPassport, ExecuteError> {
        let order = AdmitOrder {
            actor: "ann".to_owned(),
            workload: "agent".to_owned(),
            release: v2(),
            signed,
            reason: String::new(),
            idempotency: None,
        };
        match self.control.admit_passport(order).await? {
            Answer::New(admitted) => Ok(admitted),
            Answer::Kept(_) => panic!("no key was given"),
        }
    }

    async fn exercise(&self, exercise: Exercise) -> Result<ExerciseReport, ExecuteError> {
        let order = ExerciseOrder {
            actor: "ann".to_owned(),
            workload: "agent".to_owned(),
            exercise,
            reason: String::new(),
            precondition: Precondition::None,
            idempotency: None,
        };
        match self.control.exercise(order).await? {
            Answer::New(report) => Ok(report),
            Answer::Kept(_) => panic!("no key was given"),
        }
    }

    async fn check(&self, id: &str) -> (Standing, String) {
        let list = self.control.checklist("agent", None, None).await.unwrap();
        let line = list.checklist.lines.into_iter().find(|it| it.id == id).unwrap();
        (line.standing, line.seen)
    }
}

#[tokio::test]
async fn a_passport_is_issued_in_one_instance_and_admitted_in_another() {
    let (there, key) = staging(CONFIG).await;
    let here = production(&key).await;
    assert_eq!(here.check("PASSPORT").await.0, Standing::No);
    let admitted = here.admit(there.export().await.unwrap()).await.unwrap();
    assert_eq!(admitted.passport.issued_by, "ci");
    let (standing, seen) = here.check("PASSPORT").await;
    assert!(standing == Standing::Yes && seen.contains("admitted by ann"), "{seen}");
    // Both are in the ledgers, and stay there.
    assert_eq!(there.newest("ci").await.unwrap().action, "passport_export");
    let here = here.restart().await;
    assert_eq!(here.newest("ann").await.unwrap().action, "passport_admit");
    let kept = here.control.passport("agent", Some(&v2())).await.unwrap().unwrap();
    assert_eq!(kept, admitted);
}

#[tokio::test]
async fn a_changed_or_foreign_passport_is_refused_and_nothing_is_kept() {
    let (there, key) = staging(CONFIG).await;
    let here = production(&key).await;
    let good = there.export().await.unwrap();
    let refused = async |signed: SignedPassport| here.admit(signed).await.unwrap_err().to_string();
    let changed = SignedPassport { payload: good.payload.replace("m-2", "m-9"), ..good.clone() };
    assert!(refused(changed).await.contains("the passport was changed"));
    let (other, _) = SigningKey::generate().unwrap();
    let signature = other.sign(good.payload.as_bytes());
    let foreign = SignedPassport { key: other.public(), signature, ..good.clone() };
    assert!(refused(foreign).await.contains("is not one of environment `staging`"));
    let (pinned, its_key) = staging(&CONFIG.replace("model: m-2", "model: m-3")).await;
    let strict = production(&its_key).await;
    let why = strict.admit(pinned.export().await.unwrap()).await.unwrap_err().to_string();
    assert!(why.contains("model m-3 there and m-2 here"), "{why}");
    assert!(here.control.passport("agent", Some(&v2())).await.unwrap().is_none());
}

#[tokio::test]
async fn without_a_key_no_passport_is_issued() {
    let world = World::with(CONFIG).await;
    let why = world.export().await.unwrap_err().to_string();
    assert!(why.contains("stagegate key new"), "{why}");
    let (world, _) = staging(CONFIG).await;
    std::fs::write(world.dir.path().join("staging.key"), "nothing").unwrap();
    assert!(world.export().await.unwrap_err().to_string().contains("is no key"));
}

#[tokio::test]
async fn the_capacity_is_probed_and_a_silent_endpoint_fails_it() {
    let world = World::with(CONFIG).await;
    let report = world.exercise(Exercise::Capacity).await.unwrap();
    assert!(report.passed && report.steps[0].seen.contains("answers of v1"), "{report:?}");
    world.plane.asleep.lock().unwrap().push("127.0.0.1:9001".to_owned());
    let report = world.exercise(Exercise::Capacity).await.unwrap();
    assert!(!report.passed && report.seen.contains("connection refused"), "{report:?}");
}

#[tokio::test]
async fn an_incident_without_anybody_to_tell_fails_and_waits_for_nobody() {
    let world = World::with(CONFIG).await;
    let report = world.exercise(Exercise::Incident).await.unwrap();
    assert!(report.steps[0].passed && report.steps[0].took_ms > 0, "{report:?}");
    assert!(!report.passed && !report.waiting, "{report:?}");
    assert!(report.seen.contains("no channel gets messages"), "{report:?}");
    let (standing, seen) = world.check("F27").await;
    assert!(standing == Standing::No && seen.contains("no channel"), "{seen}");
    let why = world.exercise(Exercise::Acknowledge).await.unwrap_err().to_string();
    assert!(why.contains("stagegate drill agent --incident"), "{why}");
}

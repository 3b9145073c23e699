//! `kill -9` at points that a seed draws: before a command, in its middle, or between two tasks.

use super::World;
use crate::harness::eventually;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The seed; `STORY_SEED` draws other points.
const SEED: u64 = 15;
/// One of so many steps is disturbed.
const ONE_OF: u64 = 3;

/// Draws, and counts.
pub(super) struct Chaos {
    state: u64,
    kills: u64,
    /// How long a command takes here: the scale of the moments in its middle.
    scale: Duration,
}

/// What happens to a step.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Peace,
    /// The process dies before the command.
    Before,
    /// It dies so many thousandths of a command's time after its begin.
    During(u64),
}

impl Chaos {
    pub(super) fn seeded(world: &World) -> Self {
        let seed = std::env::var("STORY_SEED").ok().and_then(|it| it.parse().ok());
        let began = Instant::now();
        world.must(&["status"]);
        let state = seed.unwrap_or(SEED);
        println!("seed {state}");
        Self { state, kills: 0, scale: began.elapsed() }
    }

    /// How often the process was killed.
    pub(super) fn kills(&self) -> u64 {
        self.kills
    }

    /// SplitMix64 (Steele, Lea and Flood 2014).
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn fate(&mut self) -> Fate {
        let (disturbed, how, moment) = (self.draw(), self.draw(), self.draw());
        match (disturbed.is_multiple_of(ONE_OF), how % 4) {
            (false, _) => Fate::Peace,
            (true, 0) => Fate::Before,
            (true, _) => Fate::During(moment % 1200),
        }
    }

    async fn kill(&mut self, world: &World) {
        world.production.kill_hard();
        self.kills += 1;
        world.production.restart().await;
    }

    /// Runs a command until what it does is done. What was acknowledged is there after a crash.
    pub(super) async fn step(
        &mut self,
        world: &World,
        words: &[&str],
        is_done: impl AsyncFn(&World) -> bool,
    ) {
        let mut acknowledged = match self.fate() {
            Fate::Peace => false,
            Fate::Before => {
                self.kill(world).await;
                false
            }
            Fate::During(thousandths) => self.interrupted(world, words, thousandths).await,
        };
        let deadline = Instant::now() + crate::harness::PATIENCE;
        loop {
            let done = is_done(world).await;
            assert!(done || !acknowledged, "acknowledged and lost: {words:?}");
            if done {
                return;
            }
            let (said, worked) = world.run(words);
            // Evidence of a step, and the figures of a check, need traffic after a crash.
            assert!(worked || Instant::now() < deadline, "{words:?}: {said}");
            acknowledged = worked;
        }
    }

    /// Kills the process in the middle of a command; whether the command was acknowledged.
    async fn interrupted(&mut self, world: &World, words: &[&str], thousandths: u64) -> bool {
        let mut command = world.command(words);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("run the binary");
        tokio::time::sleep(self.scale * thousandths as u32 / 1000).await;
        self.kill(world).await;
        child.wait().expect("reap the command").success()
    }

    /// Kills the process again and again while the runbook goes on by itself.
    pub(super) async fn while_tasks_run(&mut self, world: &World) {
        let mut seen = 0;
        for _ in 0..3 {
            let before = seen;
            let scale = self.draw() % 3;
            eventually("the next tasks", || world.filed() > before || before >= 10).await;
            seen = world.filed() + scale as usize;
            self.kill(world).await;
        }
        world.runs_its_tasks().await;
    }
}

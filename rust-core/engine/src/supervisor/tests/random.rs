//! Random inputs in random order: one attempt at a time, a limited rate, and no wait without an end or a reason.

use super::*;

const STEPS: usize = 100_000;

pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// Returns usually the newest attempt, sometimes an older one or one that does not exist.
    fn attempt(&mut self, starts: usize) -> AttemptId {
        let newest = u64::try_from(starts).unwrap().saturating_sub(1);
        AttemptId(match self.roll(8) {
            0 => newest.saturating_sub(1),
            1 => newest + 1,
            _ => newest,
        })
    }

    pub(super) fn input(&mut self, starts: usize) -> Input {
        let attempt = self.attempt(starts);
        match self.roll(22) {
            0 | 1 => Input::Connect,
            2 if self.roll(4) == 0 => Input::Disconnect,
            3 => Input::Suspend,
            4 => Input::Resume,
            15 => Input::BeginSync(SyncKind::ResumeOnly),
            20 if self.roll(4) == 0 => Input::BeginSync(SyncKind::MayBind),
            20 => Input::BeginSync(SyncKind::ResumeOnly),
            18 | 21 => Input::EndSync,
            16 => Input::Alive { attempt },
            5 | 6 => NETWORK,
            7 => NO_NETWORK,
            8 => Input::Foreground,
            9 => Input::Background,
            10 => Input::AttemptProgress {
                attempt,
                step: AttemptPhase::Tls,
            },
            11 => established(attempt.0),
            12 if self.roll(4) == 0 => unannounced(attempt.0),
            12 => established(attempt.0),
            13 | 19 => Input::Ended {
                attempt,
                verdict: (self.roll(8) != 0).then(|| self.verdict()),
            },
            _ => Input::Timeout,
        }
    }

    fn verdict(&mut self) -> Verdict {
        match self.roll(32) {
            0 => CONFLICT,
            1 | 2 => CREDENTIALS,
            3 | 4 => REFUSED,
            5..=14 => Verdict::NoSession,
            15..=23 => WRONG_ASSUMPTION,
            24..=26 => OVERLOADED,
            27 => PASSING,
            _ => BROKEN,
        }
    }
}

/// What the driver would hold.
#[derive(Default)]
struct Driver {
    running: Option<AttemptId>,
    starts: Vec<Instant>,
    probes: Vec<Instant>,
    answers: Vec<Instant>,
}

impl Driver {
    fn follow(&mut self, output: &Output, now: Instant) {
        match output {
            Output::StartAttempt { attempt, .. } => {
                assert_eq!(self.running, None, "two attempts at once");
                self.running = Some(*attempt);
                self.starts.push(now);
            }
            Output::StopAttempt { attempt } => {
                assert_eq!(self.running.take(), Some(*attempt));
            }
            Output::CloseCleanly { attempt } => assert_eq!(self.running, Some(*attempt)),
            Output::Probe { attempt, deadline } => {
                assert_eq!(self.running, Some(*attempt));
                assert!(*deadline > now);
                self.probes.push(now);
            }
            Output::State(_) | Output::Timeout { .. } | Output::Idle => {}
        }
    }
}

#[test]
fn no_sequence_of_inputs_leads_to_a_busy_loop() {
    for seed in 0..8 {
        run(seed);
    }
}

fn run(seed: u64) {
    let mut dice = Dice(seed);
    let timing = Timing::default();
    let mut bench = Bench::new();
    let mut driver = Driver::default();
    let mut reported = bench.supervisor.state();
    for _ in 0..STEPS {
        let mut pause = Duration::from_millis(dice.roll(400));
        if dice.roll(50) == 0 {
            pause = Duration::from_secs(dice.roll(120));
        }
        bench.now = bench.now + pause;
        let input = dice.input(driver.starts.len());
        if let Input::Ended { attempt, .. } = &input
            && driver.running == Some(*attempt)
        {
            driver.running = None;
        }
        if matches!(input, Input::Alive { .. }) {
            driver.answers.push(bench.now);
        }
        let outputs = bench.put(input.clone());
        assert!(outputs.len() <= 3, "{outputs:?}");
        for output in &outputs {
            driver.follow(output, bench.now);
            if let Output::State(state) = output {
                assert_ne!(*state, reported, "reported twice");
                reported = *state;
            }
        }
        assert_eq!(reported, bench.supervisor.state(), "seed {seed}: {input:?}");
        check(&mut bench, &driver, &input, seed);
    }
    for starts in driver.starts.windows(STARTS_PER_WINDOW + 1) {
        let span = *starts.last().unwrap() - starts[0];
        assert!(span >= timing.window, "seed {seed}: {starts:?}");
    }
    for probes in driver.probes.windows(2) {
        let between = |times: &[Instant]| {
            let mut times = times.iter();
            times.any(|time| probes[0] <= *time && *time <= probes[1])
        };
        let is_new = between(&driver.starts) || between(&driver.answers);
        assert!(
            is_new || probes[1] - probes[0] >= timing.probe,
            "seed {seed}"
        );
    }
    assert!(
        driver.starts.len() > 100 && driver.probes.len() > 100,
        "seed {seed}: too tame"
    );
}

fn check(bench: &mut Bench, driver: &Driver, input: &Input, seed: u64) {
    let deadline = bench.deadline();
    let context = format!("seed {seed}: {input:?}, {deadline:?}");
    if let (Some((when, _)), Input::Timeout) = (deadline, input) {
        assert!(when > bench.now, "{context}: would spin");
    }
    match bench.supervisor.state() {
        ConnectionState::Offline {
            reason: OfflineReason::Failed,
            retry_at,
        } => {
            assert_eq!(driver.running, None, "{context}");
            assert_eq!(
                deadline,
                retry_at.map(|when| (when, SupervisorTimer::Retry)),
                "{context}"
            );
        }
        ConnectionState::Offline { retry_at, .. } => {
            assert_eq!(
                (driver.running, retry_at, deadline),
                (None, None, None),
                "{context}"
            );
        }
        ConnectionState::Connecting { .. } => {
            assert!(driver.running.is_some() && deadline.is_some(), "{context}");
        }
        ConnectionState::Online { .. } => assert!(driver.running.is_some(), "{context}"),
    }
}

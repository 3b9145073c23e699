//! The table's rows.

use super::shape::{Arms, Shape, Tenants};
use stagegate_rollout::{Amount, Gate, Limit, Measure, Quantile, Timing};

const GOOD: Arms = Arms::GOOD;

/// Every kind of traffic of the table.
#[must_use]
pub fn all() -> Vec<Shape> {
    let mut all = good();
    all.extend(bad());
    all
}

fn conversations(name: &'static str, icc: f64) -> Shape {
    let arms = Arms { permanent: 0.02, ..GOOD };
    Shape { icc, stable: arms, candidate: arms, ..Shape::plain(name) }
}

fn by_quantile(quantile: Quantile) -> Gate {
    let measure = Measure::Latency { of: Timing::Total, quantile };
    Gate::new(measure, Limit::Ratio(Amount::thousandths(1200)))
}

fn good() -> Vec<Shape> {
    let repeating = |permanent, transient| {
        let arms = Arms { permanent, transient, ..GOOD };
        (arms, arms)
    };
    let (permanent, transient) = (repeating(0.01, 0.002), repeating(0.002, 0.012));
    let tenants = |sticky| Tenants { count: 50, zipf: 1.0, sticky, icc: 0.02 };
    let inside = Arms { permanent: 0.008, ..GOOD };
    let outage = Arms { transient: 0.9, ..GOOD };
    let crashing = Arms { permanent: 0.9, ..GOOD };
    let brief = |name, rps, how| Shape {
        step: 3,
        minutes: 60,
        rps,
        outage: Some((30.0, 30.0, how)),
        ..Shape::plain(name)
    };
    vec![
        Shape::plain("independent turns"),
        Shape { rps: 100.0, step: 0, ..conversations("conversations, ICC 0.2, 1% of 100/s", 0.2) },
        Shape { rps: 100.0, step: 0, ..conversations("conversations, ICC 0.4, 1% of 100/s", 0.4) },
        Shape {
            rps: 20.0,
            minutes: 240,
            ..conversations("conversations, ICC 0.2, 4 h, 10% of 20/s", 0.2)
        },
        Shape { rps: 2.0, step: 2, ..conversations("conversations, ICC 0.4, 50% of 2/s", 0.4) },
        Shape {
            repeats: 3,
            stable: permanent.0,
            candidate: permanent.1,
            ..Shape::plain("clients repeat a failure up to 3 times, against stable")
        },
        Shape {
            repeats: 3,
            stable: transient.0,
            candidate: transient.1,
            ..Shape::plain("clients repeat a failure up to 3 times, against a limit")
        },
        Shape {
            excluded: Some((0.3, 0.005)),
            rps: 40.0,
            minutes: 240,
            stable: Arms { permanent: 0.02, ..GOOD },
            candidate: Arms { permanent: 0.02, ..GOOD },
            ..Shape::plain("excluded tenants, 30% of traffic, fail less, 10% of 40/s, 4 h")
        },
        Shape {
            tenants: Some(tenants(true)),
            stable: Arms { permanent: 0.02, ..GOOD },
            candidate: Arms { permanent: 0.02, ..GOOD },
            ..Shape::plain("sticky by tenant, 50 tenants, w 10%")
        },
        Shape {
            tenants: Some(tenants(true)),
            step: 2,
            stable: Arms { permanent: 0.02, ..GOOD },
            candidate: Arms { permanent: 0.02, ..GOOD },
            ..Shape::plain("sticky by tenant, 50 tenants, w 50%")
        },
        Shape {
            rps: 100.0,
            candidate: Arms { slower: 6.0, ..GOOD },
            differs: (0.0, 2.0),
            ..Shape::plain("cold for 2 minutes: times x6, 10% of 100/s")
        },
        Shape {
            rps: 100.0,
            step: 0,
            candidate: Arms { dearer: 1.4, cached: 0.1, ..GOOD },
            ..Shape::plain("cache never as warm at 1%: cost x1.4")
        },
        Shape {
            grows: 0.5,
            cost_spread: 1.5,
            ..Shape::plain("cost grows along a conversation, heavy tails, 10% of 10/s")
        },
        Shape {
            rps: 2.0,
            minutes: 240,
            grows: 0.5,
            cost_spread: 1.5,
            ..Shape::plain("cost grows along a conversation, heavy tails, 10% of 2/s")
        },
        Shape {
            tools: 0.055,
            gates: vec![by_quantile(Quantile::P95)],
            ..Shape::plain("p95 against stable, with and without a tool")
        },
        Shape {
            step: 3,
            outage: Some((30.0, 30.0, outage)),
            ..Shape::plain("watch at 100%: provider out for 30 s")
        },
        Shape {
            step: 3,
            minutes: 150,
            outage: Some((30.0, 3600.0, outage)),
            ..Shape::plain("watch at 100%: provider out for an hour")
        },
        brief("watch at 100%: provider out for 30 s, 2/s", 2.0, outage),
        brief("watch at 100%: provider out for 30 s, 100/s", 100.0, outage),
        brief("watch at 100%: provider answers 502 for 30 s", 10.0, Arms { external: 0.9, ..GOOD }),
        brief("watch at 100%: provider hangs for 30 s", 10.0, Arms { hung: 0.9, ..GOOD }),
        brief("watch at 100%: provider hangs for 30 s, 2/s", 2.0, Arms { hung: 0.9, ..GOOD }),
        brief("watch at 100%: agents turn an outage of 30 s into 500s", 10.0, crashing),
        brief("watch at 100%: agents turn an outage of 30 s into 500s, 2/s", 2.0, crashing),
        brief("watch at 100%: 25 times slower for 30 s", 10.0, Arms { slower: 25.0, ..GOOD }),
        Shape {
            outage: Some((30.0, 180.0, Arms { hung: 0.9, ..GOOD })),
            ..brief("watch at 100%: provider hangs for 3 min", 10.0, GOOD)
        },
        Shape {
            rps: 166.7,
            step: 0,
            minutes: 55,
            turns: 1,
            scored: (1.0, 0.05),
            ..Shape::plain("step 1: 100 candidate requests a minute, all scored")
        },
        Shape {
            rps: 166.7,
            step: 0,
            minutes: 55,
            ..Shape::plain("step 1: 100 candidate requests a minute, a fifth scored")
        },
        Shape {
            rps: 40.0,
            minutes: 240,
            candidate: inside,
            ..Shape::plain("worse by 0.3 pp inside a margin of 0.5 pp, 10% of 40/s, 4 h")
        },
    ]
}

fn bad() -> Vec<Shape> {
    let five = Arms { permanent: 0.05, ..GOOD };
    let ten = Arms { permanent: 0.10, ..GOOD };
    let doubled = |name, step, rps| Shape { stable: five, step, rps, ..Shape::bad(name, ten) };
    let at_the_end = |name, rps, stable, candidate| Shape {
        step: 3,
        minutes: 100,
        rps,
        stable,
        differs: (40.0, f64::INFINITY),
        ..Shape::bad(name, candidate)
    };
    let many = Tenants { count: 80, zipf: 0.0, sticky: false, icc: 0.0 };
    vec![
        doubled("5% -> 10% permanent, w 1%", 0, 100.0),
        doubled("5% -> 10% permanent, w 10%", 1, 10.0),
        doubled("5% -> 10% permanent, w 50%", 2, 4.0),
        Shape {
            icc: 0.2,
            minutes: 200,
            ..doubled("5% -> 10% permanent, ICC 0.2, w 10%, 3 h", 1, 10.0)
        },
        Shape {
            icc: 0.4,
            minutes: 200,
            ..doubled("5% -> 10% permanent, ICC 0.4, w 10%, 3 h", 1, 10.0)
        },
        at_the_end("at 100%: 5% -> 10% permanent", 10.0, five, ten),
        at_the_end("at 100%: 30% permanent", 10.0, GOOD, Arms { permanent: 0.3, ..GOOD }),
        at_the_end("at 100%: 30% permanent, 2/s", 2.0, GOOD, Arms { permanent: 0.3, ..GOOD }),
        at_the_end("at 100%: 30% external", 10.0, GOOD, Arms { external: 0.3, ..GOOD }),
        at_the_end("at 100%: a third hangs", 10.0, GOOD, Arms { hung: 0.33, ..GOOD }),
        at_the_end(
            "at 100%: everything fails, 100/s",
            100.0,
            GOOD,
            Arms { permanent: 1.0, ..GOOD },
        ),
        Shape::bad("a third hangs until clients leave", Arms { hung: 0.33, ..GOOD }),
        Shape::bad("30% external on the candidate alone", Arms { external: 0.30, ..GOOD }),
        Shape {
            rps: 3.0,
            gates: vec![by_quantile(Quantile::P99)],
            ..Shape::bad(
                "p99 by ratio, few requests, 10 times slower",
                Arms { slower: 10.0, ..GOOD },
            )
        },
        Shape { minutes: 180, ..Shape::bad("cost doubled", Arms { dearer: 2.0, ..GOOD }) },
        Shape {
            tenants: Some(many),
            rps: 60.0,
            minutes: 110,
            ..Shape::bad(
                "one tenant of 80 refused (422), 10% of 60/s",
                Arms { tenant_rejected: 1.0, ..GOOD },
            )
        },
        Shape {
            ends: Some(15.0),
            minutes: 60,
            ..Shape::bad("traffic ends after 15 minutes", GOOD)
        },
    ]
}

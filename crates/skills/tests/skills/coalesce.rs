//! When to look: late enough to look once, soon enough for a person.

use drawbridge_skills::Coalesce;
use drawbridge_skills::coalesce::Pace;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Plays events (milliseconds since the start) and answers when it looked.
fn looks(events: &[u64]) -> Vec<u64> {
    let start = Instant::now();
    let mut coalesce = Coalesce::new(Pace::default());
    let mut looks = Vec::new();
    let mut due = |coalesce: &mut Coalesce, until: Option<Instant>| {
        while let Some(at) = coalesce
            .deadline()
            .filter(|at| until.is_none_or(|until| *at <= until))
        {
            assert!(
                !coalesce.due(at - Duration::from_nanos(1)),
                "not before its deadline"
            );
            assert!(coalesce.due(at));
            looks.push(u64::try_from((at - start).as_millis()).unwrap());
        }
    };
    for event in events {
        let at = start + ms(*event);
        due(&mut coalesce, Some(at));
        coalesce.event(at);
    }
    due(&mut coalesce, None);
    looks
}

#[test]
fn one_change_is_looked_at_once_and_soon() {
    assert_eq!(looks(&[]), Vec::<u64>::new());
    assert_eq!(looks(&[0]), [75]);
    assert_eq!(looks(&[0, 10, 60]), [135]);
    // Changes of a person, one after the other, are each looked at soon.
    assert_eq!(looks(&[0, 3000, 6000]), [75, 3075, 6075]);
}

#[test]
fn what_never_rests_is_looked_at_ever_less() {
    let burst: Vec<u64> = (0..3000).collect();
    assert_eq!(looks(&burst), [250, 500, 750, 1250, 1950, 2650, 3350]);
    // Neither does it help to write with pauses in between.
    let slow: Vec<u64> = (0..3000).step_by(90).collect();
    assert!(looks(&slow).len() <= 7, "{:?}", looks(&slow));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_event_is_lost_or_waits_long(gaps in proptest::collection::vec(0_u64..400, 1..300)) {
        let mut at = 0;
        let events: Vec<u64> = gaps.iter().map(|gap| { at += gap; at }).collect();
        let looks = looks(&events);
        for event in &events {
            let next = looks.iter().find(|look| *look >= event);
            prop_assert!(next.is_some_and(|look| look - event <= 700), "{} in {:?}", event, looks);
        }
        // Looks are no more than one for 100 ms at first and for 700 ms later.
        let most = 4 + usize::try_from((at + 700) / 700).unwrap();
        let rests = gaps.iter().filter(|gap| **gap >= 2000).count();
        prop_assert_eq!(rests, 0);
        prop_assert!(looks.len() <= most, "{:?}", looks);
    }
}

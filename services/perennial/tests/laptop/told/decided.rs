//! What was decided, without what is not told.

use std::collections::BTreeMap;

use oracle::{
    CtaChange, HealthChange, MembershipChange, NotificationChange, RunChange, Story, Turn, When, Work,
};

use super::{Deliveries, Stories};

pub(super) fn scores(stories: &Stories) -> BTreeMap<String, HealthChange> {
    let latest = stories.iter().filter_map(|(account, story)| Some((account, story.health.last()?.clone())));
    let as_it_stands = |it: HealthChange| HealthChange {
        when: When { fact: None, ..it.when },
        initial: false,
        by_catalogue: false,
        score_before: None,
        band_before: None,
        overall: 0,
        drivers: Vec::new(),
        ..it
    };
    latest.map(|(account, change)| (account.clone(), as_it_stands(change))).collect()
}

pub(super) fn score_changes(story: &Story) -> BTreeMap<usize, HealthChange> {
    let told = |it: HealthChange| HealthChange {
        scorecard: String::new(),
        overall: 0,
        known_weight: 0,
        cap: None,
        contributions: Vec::new(),
        ..it
    };
    story.health.iter().cloned().map(told).enumerate().collect()
}

pub(super) fn members(stories: &Stories) -> BTreeMap<(String, String), MembershipChange> {
    let mut latest = BTreeMap::new();
    for (account, story) in stories {
        for change in &story.memberships {
            let as_it_stands = MembershipChange { initial: false, by_catalogue: false, ..change.clone() };
            latest.insert((change.segment.clone(), account.clone()), as_it_stands);
        }
    }
    latest.retain(|_, change| change.member);
    latest
}

pub(super) fn membership_changes(story: &Story) -> BTreeMap<usize, MembershipChange> {
    story.memberships.iter().cloned().enumerate().collect()
}

fn work(stories: &Stories) -> impl Iterator<Item = &Work> {
    stories.values().flat_map(|story| &story.work)
}

pub(super) fn ctas(stories: &Stories) -> BTreeMap<u128, CtaChange> {
    let changes =
        work(stories).filter_map(|work| if let Work::Cta(change) = work { Some(change) } else { None });
    let as_it_stands = |it: CtaChange| CtaChange { when: When { fact: None, ..it.when }, run: 0, ..it };
    changes.map(|change| (change.cta, as_it_stands(change.clone()))).collect()
}

pub(super) fn runs(stories: &Stories) -> BTreeMap<u128, RunChange> {
    let changes =
        work(stories).filter_map(|work| if let Work::Run(change) = work { Some(change) } else { None });
    let as_it_stands =
        |it: RunChange| RunChange { when: When { fact: None, ..it.when }, reasons: Vec::new(), ..it };
    changes.map(|change| (change.run, as_it_stands(change.clone()))).collect()
}

/// Each with its state.
pub(super) fn notifications(
    stories: &Stories,
    deliveries: &Deliveries,
) -> BTreeMap<u128, (NotificationChange, String)> {
    let mut states: BTreeMap<u128, &str> = BTreeMap::new();
    for turn in deliveries.values().flatten() {
        if let Turn::Settled { notification, state, .. } = turn {
            states.insert(*notification, state);
        }
    }
    let requests = work(stories)
        .filter_map(|work| if let Work::Notification(request) = work { Some(request.clone()) } else { None });
    let told = requests.map(|request| {
        let state = states.get(&request.notification).copied().unwrap_or("open").to_owned();
        let when = When { fact: None, ..request.when };
        let it = NotificationChange { when, run: 0, step: String::new(), dropped: false, ..request };
        (it.notification, (it, state))
    });
    told.collect()
}

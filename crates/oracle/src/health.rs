//! The score of one account, its band, and what each measure contributes.

use crate::{
    catalogue::{Curve, Scorecard},
    number::Number,
    story::{Band, Driver},
    view::View,
};

/// How an account is doing at one instant. Points are thousandths of a score point.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reading {
    pub(crate) scorecard: String,
    pub(crate) score: Option<u32>,
    pub(crate) band: Option<Band>,
    pub(crate) overall: u32,
    pub(crate) known_weight: u32,
    pub(crate) cap: Option<String>,
    /// Measure, points, value as text; in the scorecard's order. Then the cap in force: what it takes away.
    pub(crate) contributions: Vec<(String, i64, String)>,
}

/// Points of each measure of each group; `None` where the measure is unknown.
pub(crate) type Points = Vec<Vec<Option<i128>>>;

impl View<'_> {
    /// The first scorecard that applies.
    pub(crate) fn scorecard(&self) -> Option<&Scorecard> {
        let applies = |card: &&Scorecard| card.applies.as_ref().is_none_or(|c| self.holds(c) == Some(true));
        self.catalogue.scorecards.iter().find(applies)
    }

    pub(crate) fn points(&self, card: &Scorecard) -> Points {
        let points = |name: &str, curve: &Curve| self.measure(name).map(|value| curve.points_at(value));
        card.groups
            .iter()
            .map(|group| group.measures.iter().map(|m| points(&m.measure, &m.curve)).collect())
            .collect()
    }

    /// The lowest cap in force, the first of equals.
    pub(crate) fn cap(&self, card: &Scorecard) -> Option<(String, i128)> {
        let in_force = card.caps.iter().filter(|cap| self.holds(&cap.when) == Some(true));
        in_force.min_by_key(|cap| cap.at_most).map(|cap| (cap.name.clone(), cap.at_most))
    }

    /// Whatever band it was in before decides how far it may fall within it.
    pub(crate) fn reading(&self, before: Option<Band>) -> Reading {
        let Some(card) = self.scorecard() else { return Reading::default() };
        let points = self.points(card);
        let known_weight = known_weight(card, &points);
        let enough = known_weight >= card.needs_known * 10;
        let Some(uncapped) = overall(card, &points).filter(|_| enough) else {
            let contributions = self.contributions(card, &points, 0);
            let scorecard = card.name.clone();
            return Reading { scorecard, contributions, known_weight, ..Reading::default() };
        };
        let cap = self.cap(card);
        let overall = cap.as_ref().map_or(uncapped, |(_, at_most)| uncapped.min(at_most * 1000));
        let score = score_of(overall);
        let mut contributions = self.contributions(card, &points, uncapped);
        if let Some((name, at_most)) = &cap {
            let taken = i64::try_from(overall - uncapped).unwrap_or(0);
            contributions.push((format!("cap {name}"), taken, at_most.to_string()));
        }
        Reading {
            scorecard: card.name.clone(),
            score: u32::try_from(score).ok(),
            band: Some(band(card, score, before)),
            overall: u32::try_from(overall).unwrap_or_default(),
            known_weight,
            cap: cap.map(|(name, _)| name),
            contributions,
        }
    }

    /// Shares of the overall before the cap in proportion to weight times points, by largest remainder, ties by name.
    fn contributions(&self, card: &Scorecard, points: &Points, overall: i128) -> Vec<(String, i64, String)> {
        let exact = shares(card, points);
        let total = exact.iter().fold(Number::ZERO, |sum, (_, share)| sum.minus(Number::ZERO.minus(*share)));
        let scaled: Vec<(&str, Number)> = exact
            .iter()
            .map(|(name, share)| {
                let part = share.times(Number::whole(overall)).divided_by(total);
                (*name, part.unwrap_or(Number::ZERO))
            })
            .collect();
        let mut given: Vec<i128> = scaled.iter().map(|(_, part)| part.floor()).collect();
        let mut order: Vec<usize> = (0..scaled.len()).collect();
        let rest = |i: &usize| Number::whole(scaled[*i].1.floor()).minus(scaled[*i].1);
        order.sort_by(|a, b| rest(a).cmp(&rest(b)).then(scaled[*a].0.cmp(scaled[*b].0)));
        let all_given = !total.eq(&Number::ZERO);
        let missing = if all_given { overall - given.iter().sum::<i128>() } else { 0 };
        for i in order.into_iter().take(usize::try_from(missing).unwrap_or(0)) {
            given[i] += 1;
        }
        let text = |name: &str| self.measure(name).map_or(String::new(), |value| value.to_string());
        scaled
            .iter()
            .zip(given)
            .map(|((name, _), points)| ((*name).to_owned(), i64::try_from(points).unwrap_or(0), text(name)))
            .collect()
    }
}

impl Reading {
    /// What each measure and cap won or lost since the reading that was said last.
    pub(crate) fn drivers_since(&self, last: &Reading) -> Vec<Driver> {
        let find = |reading: &Reading, name: &str| {
            let found = reading.contributions.iter().find(|c| c.0 == name).cloned();
            found.map_or((0, String::new()), |(_, points, value)| (points, value))
        };
        let mut names: Vec<&String> =
            self.contributions.iter().chain(&last.contributions).map(|c| &c.0).collect();
        names.sort_by_key(|name| (name.starts_with("cap "), *name));
        names.dedup();
        let driver = |source: &String| {
            let ((now, value), (before, value_before)) = (find(self, source), find(last, source));
            Driver { source: source.clone(), points: now - before, value, value_before }
        };
        let mut drivers: Vec<Driver> = names.into_iter().map(driver).filter(|d| d.points != 0).collect();
        drivers.sort_by_key(|driver| -driver.points.abs());
        drivers
    }
}

impl Curve {
    /// Thousandths of a point.
    pub(crate) fn points_at(&self, value: Number) -> i128 {
        let at_most = self.points.iter().rposition(|(x, _)| *x <= value);
        let Some(left) = at_most else { return self.points.first().map_or(0, |(_, points)| points * 1000) };
        let (x0, p0) = self.points[left];
        let (true, Some((x1, p1))) = (self.linear, self.points.get(left + 1)) else { return p0 * 1000 };
        let share = value.minus(x0).divided_by(x1.minus(x0)).unwrap_or(Number::ZERO);
        p0 * 1000 + share.times(Number::whole((p1 - p0) * 1000)).floor()
    }
}

/// Group by group over what is known, in thousandths, before caps. `None`: nothing is known.
pub(crate) fn overall(card: &Scorecard, points: &Points) -> Option<i128> {
    let mut groups = Vec::new();
    for (group, points) in card.groups.iter().zip(points) {
        let known = group.measures.iter().zip(points).filter_map(|(m, p)| Some((m.weight, (*p)?)));
        if let Some(mean) = weighted_mean(known) {
            groups.push((group.weight, mean));
        }
    }
    weighted_mean(groups.into_iter())
}

fn weighted_mean(parts: impl Iterator<Item = (i128, i128)>) -> Option<i128> {
    let (sum, weight) = parts.fold((0, 0), |(sum, weight), (w, p)| (sum + w * p, weight + w));
    (weight > 0).then(|| sum.div_euclid(weight))
}

/// What each measure brings before rounding; nothing where it is unknown.
fn shares<'a>(card: &'a Scorecard, points: &Points) -> Vec<(&'a str, Number)> {
    let known_of = |i: usize| -> i128 {
        card.groups[i]
            .measures
            .iter()
            .zip(&points[i])
            .filter(|(_, p)| p.is_some())
            .map(|(m, _)| m.weight)
            .sum()
    };
    let all: i128 = (0..card.groups.len()).filter(|i| known_of(*i) > 0).map(|i| card.groups[i].weight).sum();
    let mut shares = Vec::new();
    for (i, group) in card.groups.iter().enumerate() {
        for (measure, points) in group.measures.iter().zip(&points[i]) {
            let share = points.and_then(|p| {
                Number::fraction(group.weight * measure.weight * p, all.max(1) * known_of(i).max(1))
            });
            shares.push((measure.measure.as_str(), share.unwrap_or(Number::ZERO)));
        }
    }
    shares
}

fn known_weight(card: &Scorecard, points: &Points) -> u32 {
    let mut known = Number::ZERO;
    let mut all = 0;
    for (group, points) in card.groups.iter().zip(points) {
        let sum: i128 = group.measures.iter().map(|m| m.weight).sum();
        let of_known: i128 =
            group.measures.iter().zip(points).filter(|(_, p)| p.is_some()).map(|(m, _)| m.weight).sum();
        let share = Number::fraction(group.weight * of_known, sum).unwrap_or(Number::ZERO);
        known = known.minus(Number::ZERO.minus(share));
        all += group.weight;
    }
    let share = known.times(Number::whole(1000)).divided_by(Number::whole(all));
    share.map_or(0, |share| u32::try_from(share.floor()).unwrap_or_default())
}

pub(crate) fn score_of(overall: i128) -> i128 {
    (overall + 500).div_euclid(1000)
}

/// Up at once; down only from below the start of the band it is in less the hysteresis, and then to wherever it lies.
fn band(card: &Scorecard, score: i128, before: Option<Band>) -> Band {
    let (yellow, green) = (i128::from(card.yellow), i128::from(card.green));
    let slack = i128::from(card.hysteresis);
    let plain = match score {
        score if score >= green => Band::Green,
        score if score >= yellow => Band::Yellow,
        _ => Band::Red,
    };
    let held = match before {
        Some(Band::Green) => score >= green - slack,
        Some(Band::Yellow) => score >= yellow - slack,
        _ => true,
    };
    match before {
        Some(before) if plain < before && held => before,
        _ => plain,
    }
}

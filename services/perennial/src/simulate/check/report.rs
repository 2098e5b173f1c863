//! The verdict in words for people, and as it is for programs.

use anyhow::Result;
use company::Parameters;
use serde::Serialize;

use super::stats::Estimate;
use super::stories::{Look, Story};
use super::verdict::{Alerts, Auc, Lead, Verdict};
use crate::cli::Output;
use crate::{output, words};

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) parameters: Parameters,
    #[serde(flatten)]
    pub(super) verdict: Verdict,
    pub(super) stories: Vec<Story>,
}

impl Report {
    pub(super) fn print(&self, output: Output) -> Result<()> {
        match output {
            Output::Table => print!("{}", self.in_words()),
            Output::Json => println!("{}", serde_json::to_string_pretty(self)?),
        }
        Ok(())
    }

    fn in_words(&self) -> String {
        let Verdict { auc, lead, alerts, load, overlaps, .. } = &self.verdict;
        let apart = [
            "days before notice",
            "AUC of the score",
            "of recency",
            "of usage kept",
            "beyond recency",
            "beyond usage kept",
            "of",
            "no score",
        ];
        let leads = ["before notice", "churners", "share", "median days"];
        let right = ["alerts", "right", "precision", "churners caught", "recall"];
        let mut parts = vec![
            output::table(&apart, &auc.iter().map(auc_row).collect::<Vec<_>>()),
            output::table(&leads, &lead.iter().map(lead_row).collect::<Vec<_>>()),
            output::table(&right, &alerts.iter().map(alerts_row).collect::<Vec<_>>()),
        ];
        let load = load.as_ref().map(|load| {
            format!(
                "CTAs a week and CSM: {:.2} in the mean, {} at most ({}, the week from {}).\n",
                load.mean_per_csm_and_week, load.most, load.csm, load.week_from
            )
        });
        parts.push(load.unwrap_or_default() + &format!("One episode, two messages: {overlaps}.\n"));
        parts.extend(self.stories.iter().map(Story::in_words));
        parts.join("\n")
    }
}

fn auc_row(auc: &Auc) -> Vec<String> {
    let Auc { churners, stayers, without_score, .. } = auc;
    vec![
        auc.days_before_notice.to_string(),
        interval(auc.score),
        interval(auc.recency),
        interval(auc.usage_kept),
        interval(auc.beyond_recency),
        interval(auc.beyond_usage_kept),
        format!("{churners} who go, {stayers} who stay"),
        format!("{}, {}", without_score.churners, without_score.stayers),
    ]
}

fn lead_row(lead: &Lead) -> Vec<String> {
    vec![
        lead.of.to_owned(),
        format!("{} of {}", lead.seen, lead.churners),
        interval(lead.share),
        lead.median_days.map_or_else(|| "-".to_owned(), |days| days.to_string()),
    ]
}

fn alerts_row(alerts: &Alerts) -> Vec<String> {
    vec![
        alerts.what.to_owned(),
        format!("{} of {}", alerts.right, alerts.opened),
        interval(alerts.precision),
        format!("{} of {}", alerts.caught, alerts.churners),
        interval(alerts.recall),
    ]
}

fn interval(estimate: Option<Estimate>) -> String {
    let Some(Estimate { value, low, high }) = estimate else { return "-".to_owned() };
    format!("{value:.2} ({low:.2} to {high:.2})")
}

impl Story {
    fn in_words(&self) -> String {
        let Self { kind, account, name, what, on, .. } = self;
        let score = |look: &Look| format!("{:+} days {}", look.days, words::score(look.score));
        let scores: Vec<String> = self.scores.iter().map(score).collect();
        let kind = match *kind {
            "save" => "A save",
            "miss" => "A miss",
            _ => "A false alarm",
        };
        format!("{kind}: {name} ({account}), {on}: {what}.\n    Score: {}.\n", scores.join(", "))
    }
}

//! What a company turned out to be, for people and for programs.

use anyhow::Result;
use company::{Company, Description, Figure, Target, Unit};
use serde_json::{Value, json};

use crate::cli::Output;
use crate::output;

const HEADERS: [&str; 4] = ["figure", "target", "generated", "of"];

pub(super) fn print(company: Company, output: Output) -> Result<()> {
    let description = Description::of(company);
    match output {
        Output::Table => {
            let rows: Vec<_> = description.figures.iter().map(row).collect();
            print!("{}", output::table(&HEADERS, &rows));
        }
        Output::Json => {
            let figures: Vec<_> = description.figures.iter().map(figure).collect();
            println!("{}", serde_json::to_string_pretty(&figures)?);
        }
    }
    Ok(())
}

fn row(figure: &Figure) -> Vec<String> {
    let (target, generated) = (figure.target_in_words(), figure.generated_in_words());
    vec![figure.name.clone(), target, generated, figure.of.to_string()]
}

fn figure(figure: &Figure) -> Value {
    let target = match figure.target {
        Target::About(about) => json!(about),
        Target::Between(low, high) => json!([low, high]),
        Target::None => Value::Null,
    };
    let unit = match figure.unit {
        Unit::Part => "part",
        Unit::Days => "days",
        Unit::Times => "times",
        Unit::Count => "count",
    };
    json!({
        "figure": figure.name,
        "unit": unit,
        "target": target,
        "generated": figure.generated,
        "of": figure.of,
    })
}

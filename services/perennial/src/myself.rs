//! What this program is called by who reads what it prints: a command that is printed can be typed.

use std::path::{Path, PathBuf};

const NAME: &str = "perennial";

/// As this process was found: by its name where the PATH leads to it, else by its path.
pub(crate) fn called() -> String {
    let (Ok(own), Ok(here)) = (whole(std::env::current_exe()), whole(std::env::current_dir())) else {
        return NAME.to_owned();
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named =
        std::env::split_paths(&path).any(|dir| dir.join(NAME).canonicalize().is_ok_and(|it| it == own));
    if named { NAME.to_owned() } else { quoted(&typed(&own, &here)) }
}

fn whole(path: std::io::Result<PathBuf>) -> std::io::Result<PathBuf> {
    path?.canonicalize()
}

/// From the folder where it was started, if it lies below that.
fn typed(own: &Path, here: &Path) -> String {
    match own.strip_prefix(here) {
        Ok(below) if below.components().count() == 1 => format!("./{}", below.display()),
        Ok(below) => below.display().to_string(),
        Err(_) => own.display().to_string(),
    }
}

/// For a shell.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{quoted, typed};

    fn check(own: &str, here: &str, expected: &str) {
        assert_eq!(quoted(&typed(Path::new(own), Path::new(here))), expected);
    }

    #[test]
    fn a_program_is_called_by_a_path_that_can_be_typed() {
        check("/src/perennial/target/release/perennial", "/src/perennial", "target/release/perennial");
        check("/src/perennial", "/src", "./perennial");
        check("/opt/perennial", "/src", "/opt/perennial");
        check("/my files/it's/perennial", "/src", r"'/my files/it'\''s/perennial'");
    }
}

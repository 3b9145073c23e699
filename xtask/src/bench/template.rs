//! Configuration files with `{{name}}`s in them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Values for the `{{name}}`s.
pub(super) type Values = Vec<(&'static str, String)>;

/// Writes `dir/name`: the template with its `{{name}}`s replaced.
pub(super) fn render(
    template: &Path,
    dir: &Path,
    name: &str,
    values: &[(&'static str, String)],
) -> Result<PathBuf> {
    let text =
        fs::read_to_string(template).with_context(|| format!("reading {}", template.display()))?;
    let text = fill(&text, values).with_context(|| format!("in {}", template.display()))?;
    let file = dir.join(name);
    fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}

fn fill(template: &str, values: &[(&'static str, String)]) -> Result<String> {
    let text = values.iter().fold(template.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{{{name}}}}}"), value)
    });
    // A closing pair is fine: flow mappings of YAML end so.
    if let Some((_, rest)) = text.split_once("{{") {
        bail!("nothing is known to put for {{{{{}", rest.lines().next().unwrap_or_default());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_filled_in_or_refused() {
        let values = [("port", "80".to_owned())];
        assert_eq!(fill("listen {{port}};", &values).expect("filled"), "listen 80;");
        let error = fill("listen {{prot}};", &values).expect_err("unknown").to_string();
        assert!(error.contains("{{prot}};"), "{error}");
    }
}

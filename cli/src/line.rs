//! Command lines as a shell would cut them, to check the ones that documents and the demo print.

use crate::tree::parse;

/// Parses a line that begins with the program's name.
///
/// # Errors
/// The line and what the parser says of it.
pub fn check_line(line: &str) -> Result<(), String> {
    parse(words(line)).map(drop).map_err(|error| format!("{line}\n{error}"))
}

/// The words of a shell line with quotes and a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '#') => break,
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::check_line;

    #[test]
    fn the_readmes_commands_parse() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
        let readme = std::fs::read_to_string(path).expect("README.md");
        let alone = readme.lines().filter(|line| line.starts_with("stagegate "));
        let inline = readme
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|code| code.starts_with("stagegate ") && !code.contains('\n'));
        let commands: Vec<&str> = alone.chain(inline).collect();
        assert!(commands.len() > 15, "{commands:?}");
        for command in commands {
            if let Err(error) = check_line(command) {
                panic!("{error}");
            }
        }
    }
}

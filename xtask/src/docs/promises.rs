//! The table of public promises and the tests that hold them. Pure: texts in, findings out.
//!
//! A row of `docs/PROMISES.md` has the words of the promise, the page that says them, and its tests as
//! `path::name`.

/// The table.
pub(super) const PAGE: &str = "docs/PROMISES.md";

/// A promise.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The line it is in, from 1.
    pub(super) line: usize,
    words: String,
    page: String,
    /// Files and names.
    tests: Vec<(String, String)>,
}

/// The rows of the table.
///
/// # Errors
/// The first row that has another form, with its line.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            continue;
        };
        if cells == "promise | where | tests" {
            continue;
        }
        let line = index + 1;
        let wrong = |what: &str| format!("{PAGE}:{line}: {what}");
        let mut cells = cells.rsplitn(3, " | ");
        let (tests, page, words) = (cells.next(), cells.next(), cells.next());
        let (Some(tests), Some(page), Some(words)) = (tests, page, words) else {
            return Err(wrong("a row has a promise, a page and tests"));
        };
        let [page] = spans(page).try_into().map_err(|_| wrong("one page is named"))?;
        let tests: Option<Vec<_>> = spans(tests)
            .iter()
            .map(|test| test.split_once("::").map(|(file, name)| (file.into(), name.into())))
            .collect();
        let tests = tests.filter(|tests| !tests.is_empty());
        let tests = tests.ok_or_else(|| wrong("a test is `path::name`"))?;
        rows.push(Row { line, words: words.replace("\\|", "|"), page, tests });
    }
    Ok(rows)
}

/// What of a row is not so. `text_of` gives the text of a file of the checkout.
pub(super) fn problems<'a>(row: &Row, text_of: impl Fn(&str) -> Option<&'a str>) -> Vec<String> {
    let Row { line, words, page, tests } = row;
    let mut found = Vec::new();
    match text_of(page) {
        None => found.push(format!("there is no page {page}")),
        Some(text) if !plain(text).contains(&plain(words)) => {
            found.push(format!("{page} does not say \"{words}\""));
        }
        Some(_) => {}
    }
    for (file, name) in tests {
        match text_of(file) {
            None => found.push(format!("there is no file {file}")),
            Some(text) if !text.contains(&format!("fn {name}(")) => {
                found.push(format!("{file} has no test {name}"));
            }
            Some(_) => {}
        }
    }
    found.into_iter().map(|problem| format!("{PAGE}:{line}: {problem}")).collect()
}

/// The contents of code spans.
fn spans(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The words on one line, without emphasis.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('*', "")
}

#[cfg(test)]
mod tests {
    use super::{problems, rows};

    #[test]
    fn words_that_a_page_no_longer_says_and_tests_that_are_gone_are_named() {
        let table = "| promise | where | tests |\n|---|---|---|\n\
            | It never `x | y`. | `docs/a.md` | `t/a.rs::holds`<br>`t/a.rs::gone` |\n\
            | It always does. | `docs/a.md` | `t/b.rs::holds` |\n\
            | It is quick. | `docs/b.md` | `t/a.rs::holds` |\n";
        let text_of = |name: &str| match name {
            "docs/a.md" => Some("So: **It\nnever** `x | y`."),
            "t/a.rs" => Some("fn holds() {}"),
            _ => None,
        };
        let found: Vec<String> =
            rows(table).expect("rows").iter().flat_map(|row| problems(row, text_of)).collect();
        let wanted = [
            "docs/PROMISES.md:3: t/a.rs has no test gone",
            "docs/PROMISES.md:4: docs/a.md does not say \"It always does.\"",
            "docs/PROMISES.md:4: there is no file t/b.rs",
            "docs/PROMISES.md:5: there is no page docs/b.md",
        ];
        assert_eq!(found, wanted);
        for bad in ["| a | `b` | no test |", "| a | b | `t/a.rs::holds` |", "| a |"] {
            assert!(rows(bad).is_err(), "{bad}");
        }
    }
}

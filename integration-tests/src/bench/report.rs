use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::cli::Plan;
use super::process::Usage;

/// One measured number.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    pub scenario: String,
    /// Which size or variant.
    pub case: String,
    /// What was measured; the unit is in [`Figure::unit`].
    pub metric: String,
    pub value: f64,
    pub unit: String,
    /// The same number of the baseline in this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// `value / baseline`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// What the design aims at, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aim: Option<String>,
}

impl Figure {
    pub fn baseline(&mut self, baseline: f64) -> &mut Self {
        self.baseline = Some(baseline);
        self.ratio = (baseline > 0.0).then(|| self.value / baseline);
        self
    }

    pub fn aim(&mut self, aim: &str) -> &mut Self {
        self.aim = Some(aim.to_owned());
        self
    }
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Unix time of the start in seconds.
    started_at: u64,
    version: &'static str,
    cores: usize,
    quick: bool,
    figures: Vec<Figure>,
    /// What one must know to read the figures.
    notes: Vec<String>,
    #[serde(skip)]
    scenario: String,
}

impl Report {
    pub fn new(quick: bool) -> Self {
        Self {
            started_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            version: env!("CARGO_PKG_VERSION"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            quick,
            figures: Vec::new(),
            notes: Vec::new(),
            scenario: String::new(),
        }
    }

    /// Begins a scenario: prints the command that repeats it.
    pub fn section(&mut self, scenario: &str, plan: &Plan) {
        self.scenario = scenario.to_owned();
        let quick = if plan.quick { " --quick" } else { "" };
        println!(
            "# {scenario}: cargo run --release -p parlance-integration-tests --bin parlance-bench -- {scenario}{quick}"
        );
    }

    /// Adds a number of the current scenario and prints it.
    pub fn add(&mut self, case: &str, metric: &str, value: f64, unit: &str) -> &mut Figure {
        println!("  {case}: {metric} {} {unit}", number(value));
        self.figures.push(Figure {
            scenario: self.scenario.clone(),
            case: case.to_owned(),
            metric: metric.to_owned(),
            value,
            unit: unit.to_owned(),
            baseline: None,
            ratio: None,
            aim: None,
        });
        let last = self.figures.len() - 1;
        &mut self.figures[last]
    }

    /// Who used how much of the processors within a time.
    pub fn add_cores(&mut self, case: &str, usage: &Usage, took: Duration) {
        let cores = |used: Duration| used.as_secs_f64() / took.as_secs_f64();
        self.add(case, "server cores", cores(usage.measured), "");
        self.add(case, "generator cores", cores(usage.generator), "");
        self.add(case, "cores taken by others", cores(usage.others()), "");
    }

    /// Gives a figure of the current scenario its baseline afterwards.
    pub fn compare(&mut self, case: &str, metric: &str, baseline: f64) {
        let is_it = |figure: &&mut Figure| {
            figure.scenario == self.scenario && figure.case == case && figure.metric == metric
        };
        if let Some(figure) = self.figures.iter_mut().find(is_it) {
            figure.baseline(baseline);
        }
    }

    pub fn note(&mut self, note: impl Into<String>) {
        let note = format!("{}: {}", self.scenario, note.into());
        println!("  note: {note}");
        self.notes.push(note);
    }

    pub fn print_table(&self) {
        let mut rows =
            vec![["case", "metric", "value", "unit", "baseline", "ratio", "aim"].map(str::to_owned)];
        for figure in &self.figures {
            rows.push([
                format!("{} {}", figure.scenario, figure.case),
                figure.metric.clone(),
                number(figure.value),
                figure.unit.clone(),
                figure.baseline.map(number).unwrap_or_default(),
                figure.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
                figure.aim.clone().unwrap_or_default(),
            ]);
        }
        let mut widths = [0; 7];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::from("\n");
        for (place, row) in rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(widths) {
                _ = write!(text, "| {cell:width$} ");
            }
            text.push_str("|\n");
            if place == 0 {
                widths.iter().for_each(|width| _ = write!(text, "|{:-<1$}", "", width + 2));
                text.push_str("|\n");
            }
        }
        for note in &self.notes {
            _ = writeln!(text, "- {note}");
        }
        print!("{text}");
    }

    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        Ok(std::fs::write(path, serde_json::to_vec_pretty(self)?)?)
    }
}

/// Three significant digits, thousands in groups.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        _ => 4,
    };
    let plain = format!("{value:.digits$}");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 && digit.is_ascii_digit() && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(1_234_567.8), "1,234,568");
        assert_eq!(number(12.34), "12.3");
        assert_eq!(number(0.5), "0.500");
        assert_eq!(number(-1234.0), "-1,234");
    }

    #[test]
    fn a_baseline_gives_a_ratio() {
        let mut report = Report::new(true);
        let figure = report.add("x", "speed", 30.0, "/s").baseline(60.0).clone();
        assert_eq!(figure.ratio, Some(0.5));
    }
}

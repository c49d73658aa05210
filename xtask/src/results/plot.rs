//! Plots: what something costs against how many there are, both axes logarithmic.

use super::figures::Figures;
use miette::{Result, ensure, miette};
use plotters::prelude::*;
use serde::Deserialize;
use std::path::Path;

/// One plot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plot {
    pub(super) title: String,
    x: String,
    y: String,
    /// How much of what was measured is one on the axis.
    unit: f64,
    series: Vec<Series>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    name: String,
    from: String,
}

const COLOURS: [RGBColor; 3] = [RGBColor(0, 92, 175), RGBColor(200, 80, 0), RGBColor(60, 130, 60)];

pub(super) fn draw(plot: &Plot, figures: &Figures, to: &Path) -> Result<()> {
    let scaled = |series: &Series| -> Vec<(f64, f64)> {
        figures.series(&series.from).into_iter().map(|(x, y)| (x, y / plot.unit)).collect()
    };
    let lines: Vec<_> = plot.series.iter().map(|series| (&series.name, scaled(series))).collect();
    for (name, points) in &lines {
        ensure!(
            points.len() > 1,
            "`{name}` of `{}` has {} points; run all benches",
            plot.title,
            points.len()
        );
    }
    paint(plot, &lines, to).map_err(|error| miette!("{}: {error}", plot.title))
}

type Lines<'a> = [(&'a String, Vec<(f64, f64)>)];

fn paint(plot: &Plot, lines: &Lines<'_>, to: &Path) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let all = || lines.iter().flat_map(|(_, points)| points);
    let ends = |of: fn(&(f64, f64)) -> f64, wider: f64| {
        let (least, most) = all().map(of).fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        (least / wider..most * wider).log_scale()
    };
    let area = SVGBackend::new(to, (720, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(&plot.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(ends(|point| point.0, 1.0), ends(|point| point.1, 1.6))?;
    chart.configure_mesh().x_desc(&plot.x).y_desc(&plot.y).draw()?;
    for ((name, points), colour) in lines.iter().zip(COLOURS) {
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)?
            .label(name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}

//! Medians and percentiles of measurements, and how many digits of a number mean something. Pure.

/// The median; 0 of nothing.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    if sorted.len() % 2 == 1 {
        at(middle)
    } else {
        f64::midpoint(at(middle.saturating_sub(1)), at(middle))
    }
}

/// The smallest value that at least `percent` of all do not exceed; 0 of nothing.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let rank = (values.len() * percent).div_ceil(100).saturating_sub(1);
    sorted(values).get(rank).copied().unwrap_or_default()
}

/// Three digits that mean something; whole numbers stay as they are.
pub fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() || value.abs() >= 100.0 {
        return value.round();
    }
    let scale = 10f64.powf(2.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=40).map(f64::from).collect();
        assert_eq!(percentile(&values, 50), 20.0);
        assert_eq!(percentile(&values, 95), 38.0);
        assert_eq!(percentile(&values, 100), 40.0);
        assert_eq!(percentile(&[], 95), 0.0);
    }

    #[test]
    fn three_digits_are_kept() {
        assert_eq!(rounded(0.012_345), 0.0123);
        assert_eq!(rounded(1.2345), 1.23);
        assert_eq!(rounded(25.449), 25.4);
        assert_eq!(rounded(25_449.4), 25_449.0);
    }
}

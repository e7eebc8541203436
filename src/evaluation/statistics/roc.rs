//! The receiver operating characteristic and the precision-recall curve of a score.

use serde::{Deserialize, Serialize};

/// What was scored, and the truth about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored<'a> {
    /// Whose it is.
    pub patient: &'a str,
    /// Larger means more likely positive.
    pub score: f64,
    /// The truth.
    pub positive: bool,
}

/// Both curves, from the strictest cut to the laxest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// One point a distinct score; before them (0, 0) where nothing is called positive.
    pub roc: Vec<RocPoint>,
    /// One point a distinct score.
    pub precision_recall: Vec<PrecisionRecallPoint>,
    /// Area below the precision-recall curve, as steps (the usual "average precision").
    pub average_precision: f64,
    /// Share that is positive: the precision of a score that knows nothing.
    pub share_positive: f64,
}

/// One cut of the score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// 1 - specificity.
    pub false_positive_rate: f64,
    /// Sensitivity.
    pub true_positive_rate: f64,
}

/// One cut of the score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecallPoint {
    /// Sensitivity.
    pub recall: f64,
    /// Positive predictive value in this sample.
    pub precision: f64,
}

impl Curves {
    /// The curves of a sample; `None` without a positive or without a negative.
    #[must_use]
    pub fn of(sample: &[Scored]) -> Option<Self> {
        let n_positive = sample.iter().filter(|it| it.positive).count();
        let n_negative = sample.len() - n_positive;
        if n_positive == 0 || n_negative == 0 {
            return None;
        }
        let mut descending: Vec<&Scored> = sample.iter().collect();
        descending.sort_by(|a, b| b.score.total_cmp(&a.score));

        let mut roc = vec![RocPoint { false_positive_rate: 0.0, true_positive_rate: 0.0 }];
        let mut precision_recall: Vec<PrecisionRecallPoint> = Vec::new();
        let mut average_precision = 0.0;
        let (mut hits, mut false_alarms) = (0_usize, 0_usize);
        // Equal scores pass the cut together.
        for tied in descending.chunk_by(|a, b| a.score.total_cmp(&b.score).is_eq()) {
            let tied_hits = tied.iter().filter(|it| it.positive).count();
            hits += tied_hits;
            false_alarms += tied.len() - tied_hits;
            let recall = hits as f64 / n_positive as f64;
            let precision = hits as f64 / (hits + false_alarms) as f64;
            average_precision += precision * tied_hits as f64 / n_positive as f64;
            precision_recall.push(PrecisionRecallPoint { recall, precision });
            roc.push(RocPoint {
                false_positive_rate: false_alarms as f64 / n_negative as f64,
                true_positive_rate: recall,
            });
        }
        let share_positive = n_positive as f64 / sample.len() as f64;
        Some(Self { roc, precision_recall, average_precision, share_positive })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::assert_near;
    use super::*;

    fn sample(scores: &[f64], positive: &[u8]) -> Vec<Scored<'static>> {
        let pairs = scores.iter().zip(positive);
        pairs.map(|(s, p)| Scored { patient: "", score: *s, positive: *p == 1 }).collect()
    }

    #[test]
    fn curves_are_those_of_scikit_learn() {
        // sklearn.metrics.roc_curve(drop_intermediate=False), average_precision_score
        let scores = [0.9, 0.8, 0.8, 0.6, 0.55, 0.4, 0.4, 0.3, 0.2, 0.1];
        let curves = Curves::of(&sample(&scores, &[1, 1, 0, 1, 0, 1, 0, 0, 1, 0])).unwrap();
        let points: Vec<_> =
            curves.roc.iter().map(|it| (it.false_positive_rate, it.true_positive_rate)).collect();
        let expected = [
            (0.0, 0.0),
            (0.0, 0.2),
            (0.2, 0.4),
            (0.2, 0.6),
            (0.4, 0.6),
            (0.6, 0.8),
            (0.8, 0.8),
            (0.8, 1.0),
            (1.0, 1.0),
        ];
        for (point, expected) in points.iter().zip(expected) {
            assert_near(point.0, expected.0, 1e-12);
            assert_near(point.1, expected.1, 1e-12);
        }
        assert_eq!(points.len(), expected.len());
        assert_near(curves.average_precision, 0.708_730_158_730_158_8, 1e-12);
    }

    #[test]
    fn one_class_has_no_curve_and_ties_have_one_step() {
        assert_eq!(Curves::of(&[]), None);
        assert_eq!(Curves::of(&sample(&[0.1, 0.2], &[1, 1])), None);
        assert_eq!(Curves::of(&sample(&[0.1, 0.2], &[0, 0])), None);
        let tied = Curves::of(&sample(&[0.5; 4], &[1, 0, 0, 1])).unwrap();
        assert_eq!(tied.roc.len(), 2);
        assert_near(tied.average_precision, 0.5, 1e-12);
    }
}

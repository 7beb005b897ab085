namespace Ptoy.Services.Fraud.Review;

/// <summary>What reviewers said about one kind, and what the model had said: counts only, about nobody.</summary>
/// <param name="Confirmed">How many were confirmed.</param>
/// <param name="Dismissed">How many were dismissed.</param>
/// <param name="Expected">Sum of the probabilities of all of them.</param>
internal sealed record Feedback(int Confirmed, int Dismissed, double Expected)
{
    // As many reviews as the model's word is worth; after as many more, theirs weighs the same.
    private const double Prior = 10, MostLogit = 2;

    public static readonly Feedback None = new(0, 0, 0);

    /// <summary>
    /// What to add to the log-odds of this kind: the odds of the reviewers' share (drawn to the model's by a prior worth ten reviews) over the odds the model gave. At most 2
    /// either way, so that no kind falls silent for good.
    /// </summary>
    public double Shift
    {
        get
        {
            int all = Confirmed + Dismissed;
            if (all == 0) return 0;
            double model = Math.Clamp(Expected / all, 0.01, 0.99), found = Math.Clamp((Confirmed + (Prior * model)) / (all + Prior), 0.01, 0.99);
            return Math.Clamp(Math.Log(found / (1 - found)) - Math.Log(model / (1 - model)), -MostLogit, MostLogit);
        }
    }

    public Feedback With(bool confirmed, double probability) =>
        new(Confirmed + (confirmed ? 1 : 0), Dismissed + (confirmed ? 0 : 1), Expected + probability);
}

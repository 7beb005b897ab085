using Ptoy.Protocol;
using Ptoy.Protocol.Matching;

namespace Ptoy.Services.Matching;

/// <summary>A person in the hospital's index whose tokens meet a request's.</summary>
/// <param name="PatientId">The hospital's own id.</param>
/// <param name="Score">Sum of the weights of the rules that agree.</param>
/// <param name="Automatic">True: worth a code to the phone on file. False: for the review queue of the hospital's staff.</param>
public sealed record MatchCandidate(string PatientId, int Score, bool Automatic);

/// <summary>
/// Compares a request's tokens with those of a hospital's own people. It only proposes: nothing is opened by a match.
/// </summary>
public sealed class MatchLogic
{
    /// <summary>Score from which a code is sent without staff looking at it.</summary>
    public const int AutomaticScore = 8;

    /// <summary>Score below which nothing is proposed.</summary>
    public const int ReviewScore = 4;

    private readonly Dictionary<MatchToken, List<string>> _people = [];
    private readonly Dictionary<string, MatchToken[]> _tokens = [];

    /// <summary>How many people are indexed.</summary>
    public int Count => _tokens.Count;

    /// <summary>Indexes a person, in place of what was known before.</summary>
    public void Put(string patientId, IReadOnlyList<MatchToken> tokens)
    {
        Remove(patientId);
        _tokens[patientId] = [.. tokens];
        foreach (MatchToken token in tokens)
        {
            if (!_people.TryGetValue(token, out List<string>? people)) _people[token] = people = [];
            people.Add(patientId);
        }
    }

    /// <summary>Forgets a person.</summary>
    public void Remove(string patientId)
    {
        if (!_tokens.Remove(patientId, out MatchToken[]? tokens)) return;
        foreach (MatchToken token in tokens)
        {
            List<string> people = _people[token];
            people.Remove(patientId);
            if (people.Count == 0) _people.Remove(token);
        }
    }

    /// <summary>
    /// The candidates for a request, best first. Two equally good ones are both for review: a code must not go to a namesake by chance.
    /// </summary>
    public IReadOnlyList<MatchCandidate> Find(IReadOnlyList<MatchToken> tokens)
    {
        Dictionary<string, HashSet<string>> rules = [];
        foreach (MatchToken token in tokens)
        {
            foreach (string id in _people.GetValueOrDefault(token, []))
            {
                if (!rules.TryGetValue(id, out HashSet<string>? agreeing)) rules[id] = agreeing = [];
                agreeing.Add(token.Rule);
            }
        }
        (string Id, int Score)[] scored = [.. rules.Select(r => (r.Key, Score: r.Value.Sum(Weight))).Where(c => c.Score >= ReviewScore)
            .OrderByDescending(c => c.Score).ThenBy(c => c.Key, StringComparer.Ordinal)];
        bool tied = scored.Length > 1 && scored[0].Score == scored[1].Score;
        return [.. scored.Select((c, i) => new MatchCandidate(c.Id, c.Score, i == 0 && !tied && c.Score >= AutomaticScore))];
    }

    private static int Weight(string rule) => rule switch
    {
        TokenMaker.NamePhone => 4,
        TokenMaker.SortedPhone => 4,
        TokenMaker.SoundPhone => 3,
        TokenMaker.PhoneBirth => 5,
        TokenMaker.SortedBirth => 5,
        TokenMaker.SoundBirth => 3,
        _ => 0,
    };
}

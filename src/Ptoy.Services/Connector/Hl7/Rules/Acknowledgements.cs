using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Rules;

/// <summary>
/// Answers to messages. Original mode (MSH-15 and MSH-16 empty): one answer, AA, AE or AR. Enhanced mode: CA, CE or CR where MSH-15 asks
/// for it, then AA where MSH-16 asks; a message that was not taken gets no second answer. Taking and keeping are one act here, so both are
/// given at once. Why a message was not taken stands in ERR (by version 2.5 and later with place, code and severity; before with place and
/// code) and, before version 2.5, in MSA-3. Answers hold the sender's control id and names of fields, no values.
/// </summary>
internal sealed partial class Acknowledgements(TimeProvider time)
{
    private long _number;

    /// <summary>The answers to one message, as HL7 text, in order; possibly none.</summary>
    public IReadOnlyList<string> For(Hl7Message message, Hl7Problem? problem)
    {
        string accept = Asked(message, 15), application = Asked(message, 16);
        if (accept.Length == 0 && application.Length == 0)
            return [Write(message, problem is null ? "AA" : problem.Rejects ? "AR" : "AE", problem)];
        var answers = new List<string>();
        bool failed = problem is not null;
        if (Wanted(accept, failed)) answers.Add(Write(message, problem is null ? "CA" : problem.Rejects ? "CR" : "CE", problem));
        if (failed && answers.Count > 0) return answers;
        if (Wanted(application, failed)) answers.Add(Write(message, problem is null ? "AA" : problem.Rejects ? "AR" : "AE", problem));
        return answers;
    }

    /// <summary>The answers to the messages of a batch, as a batch.</summary>
    public string ForBatch(string header, IReadOnlyList<string> answers)
    {
        Hl7Syntax syntax;
        try { syntax = Hl7Syntax.OfHeader(header, Encoding.UTF8); }
        catch (Hl7Exception) { syntax = Hl7Syntax.Standard; }
        string[] fields = header.Split(syntax.Field);
        string At(int index) => index < fields.Length ? fields[index] : "";
        char f = syntax.Field;
        string start = $"BHS{f}{syntax.EncodingCharacters}{f}{At(4)}{f}{At(5)}{f}{At(2)}{f}{At(3)}{f}{Now()}{f}{f}{f}{f}{Next()}{f}{At(10)}\r";
        return $"{start}{string.Concat(answers)}BTS{f}{answers.Count}\r";
    }

    private static string Asked(Hl7Message message, int field) => message.Header.Peek(field).Text?.ToUpperInvariant() ?? "";

    private static bool Wanted(string condition, bool failed) =>
        condition switch { "AL" => true, "ER" => failed, "SU" => !failed, _ => false };

    private string Write(Hl7Message message, string code, Hl7Problem? problem)
    {
        Hl7Syntax syntax = message.Syntax;
        Hl7Segment header = message.Header;
        char f = syntax.Field;
        string Raw(int field) => Safe(header.Peek(field).Raw, 250);
        string kind = message.Event.Length > 0 && message.IsAtLeast(3)
            ? $"ACK{syntax.Component}{Safe(message.Event, 10)}{(message.IsAtLeast(4) ? $"{syntax.Component}ACK" : "")}" : "ACK";
        var text = new StringBuilder();
        text.Append("MSH").Append(f).Append(syntax.EncodingCharacters).Append(f).Append(Raw(5)).Append(f).Append(Raw(6)).Append(f)
            .Append(Raw(3)).Append(f).Append(Raw(4));
        text.Append(f).Append(Now()).Append(f).Append(f).Append(kind).Append(f).Append(Next()).Append(f).Append(Raw(11)).Append(f)
            .Append(Raw(12)).Append('\r');
        text.Append("MSA").Append(f).Append(code).Append(f).Append(Raw(10));
        bool old = !message.IsAtLeast(5);
        if (problem is not null && old) text.Append(f).Append(syntax.Quote(problem.ToString()));
        text.Append('\r');
        if (problem is not null) text.Append(old ? OldError(syntax, problem) : Error(syntax, problem)).Append('\r');
        return text.ToString();
    }

    /// <summary>ERR as of version 2.5: place (ERL), code (table 0357), severity, text for the user.</summary>
    private static string Error(Hl7Syntax syntax, Hl7Problem problem)
    {
        char f = syntax.Field, c = syntax.Component;
        string place = Place().Match(problem.Place) is { Success: true } at
            ? string.Join(c, new[] { at.Groups[1].Value, at.Groups[2].Success ? at.Groups[2].Value : "1", at.Groups[3].Value }).TrimEnd(c)
                : "";
        return $"ERR{f}{f}{place}{f}{problem.Code}{c}{syntax.Quote(Meaning(problem.Code))}{c}HL70357{f}E{f}{f}{f}{f}{syntax.Quote(problem.ToString())}";
    }

    /// <summary>ERR before version 2.5: segment, sequence, field and code in one field (ELD).</summary>
    private static string OldError(Hl7Syntax syntax, Hl7Problem problem)
    {
        char f = syntax.Field, c = syntax.Component, s = syntax.Subcomponent == '\0' ? ' ' : syntax.Subcomponent;
        Match at = Place().Match(problem.Place);
        string segment = at.Success ? at.Groups[1].Value : "", sequence = at.Groups[2].Success ? at.Groups[2].Value : "1";
        return $"ERR{f}{segment}{c}{sequence}{c}{at.Groups[3].Value}{c}{problem.Code}{s}{syntax.Quote(Meaning(problem.Code))}{s}HL70357";
    }

    private static string Meaning(int code) => code switch
    {
        100 => "Segment sequence error", 101 => "Required field missing", 102 => "Data type error", 200 => "Unsupported message type",
        201 => "Unsupported event code", 202 => "Unsupported processing id", 203 => "Unsupported version id",
            _ => "Application internal error",
    };

    // What is sent back of a header is what the sender wrote there: cut, and without anything that could end a block or a segment.
    private static string Safe(string raw, int length)
    {
        string clean = string.Concat(raw.Where(c => !char.IsControl(c)));
        return clean.Length > length ? clean[..length] : clean;
    }

    private string Now() => time.GetUtcNow().ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture) + "+0000";

    private string Next() => $"PTOY{time.GetUtcNow().ToUnixTimeMilliseconds()}{Interlocked.Increment(ref _number) % 100_000:00000}";

    [GeneratedRegex(@"^([A-Z][A-Z0-9]{2})(?:\(([0-9]+)\))?(?:-([0-9]+))?")]
    private static partial Regex Place();
}

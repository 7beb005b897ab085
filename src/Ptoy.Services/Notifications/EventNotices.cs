using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Notifications;

/// <summary>Which notices an event of the chain means. Pure.</summary>
public static class EventNotices
{
    /// <summary>The notices, keyed so that the same event, seen again, makes the same ones.</summary>
    public static IEnumerable<Notice> Of(ChainEvent happened) => happened.Contract switch
    {
        "Records" when happened.Name == "registered" => Written(happened),
        "Token" when happened.Name == "transfer" => Paid(happened),
        "Identity" when happened.Name is "certified" or "revoked" or "rotated" => About(happened, "account", NoticeKind.Account, NoticeUrgency.Urgent),
        _ when happened.Contract.StartsWith("Patient/", StringComparison.Ordinal) => OfPatient(happened),
        _ => [],
    };

    private static IEnumerable<Notice> OfPatient(ChainEvent happened)
    {
        if (!Address.TryParse(happened.Contract["Patient/".Length..], out Address patient)) yield break;
        NoticeKind? kind = happened.Name switch { "granted" => NoticeKind.Granted, "revoked" => NoticeKind.Revoked, "appointed" => NoticeKind.Granted, "released" => NoticeKind.Revoked, _ => null };
        if (kind is not { } known) yield break;
        string reference = happened.Data.TryGetProperty("id", out JsonElement id) ? id.GetRawText() : Text(happened.Data, "account") ?? "";
        yield return new Notice(patient, known, $"{happened.Name}/{happened.Tx}/{reference}", reference) { By = Actor(happened.Data) };
    }

    private static IEnumerable<Notice> Written(ChainEvent happened)
    {
        string? author = Text(happened.Data, "author"), root = Text(happened.Data, "root");
        if (!Address.TryParse(Text(happened.Data, "owner") ?? "", out Address owner) || root is null || author == owner.ToString()) yield break;
        yield return new Notice(owner, NoticeKind.Written, $"written/{root}", root) { By = Address.TryParse(author ?? "", out Address by) ? by : null };
    }

    private static IEnumerable<Notice> Paid(ChainEvent happened)
    {
        if (!Address.TryParse(Text(happened.Data, "to") ?? "", out Address to)) yield break;
        yield return new Notice(to, NoticeKind.Payment, $"transfer/{happened.Tx}", happened.Tx) { By = Address.TryParse(Text(happened.Data, "from") ?? "", out Address from) ? from : null };
    }

    private static IEnumerable<Notice> About(ChainEvent happened, string member, NoticeKind kind, NoticeUrgency urgency)
    {
        if (!Address.TryParse(Text(happened.Data, member) ?? "", out Address account)) yield break;
        yield return new Notice(account, kind, $"{happened.Name}/{happened.Tx}", happened.Name) { Urgency = urgency };
    }

    private static Address? Actor(JsonElement data) =>
        data.TryGetProperty("actor", out JsonElement actor) && Address.TryParse(Text(actor, "organisation") ?? Text(actor, "person") ?? "", out Address who) ? who : null;

    private static string? Text(JsonElement element, string member) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(member, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

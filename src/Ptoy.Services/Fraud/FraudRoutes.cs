using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ptoy.Services.Fraud.Review;

namespace Ptoy.Services.Fraud;

/// <summary>An alert as reviewers' programs see it.</summary>
/// <param name="Id">Names it in commands.</param>
/// <param name="Kind">Which detector.</param>
/// <param name="Probability">0 to 1.</param>
/// <param name="State"><c>waiting</c>, <c>open</c>, <c>confirmed</c> or <c>dismissed</c>.</param>
/// <param name="Found">When it was first found.</param>
/// <param name="Opened">The day on which it was opened for review.</param>
/// <param name="Why">Plain words.</param>
/// <param name="Records">What it rests on.</param>
public sealed record AlertDto(
    string Id, string Kind, double Probability, string State, DateTimeOffset Found, DateOnly? Opened, string Why, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<AlertRecord>? Records);

/// <summary>
/// The review queue over the daemon's HTTP, for <c>ptoy services fraud</c>: who has the reviewers' token may see and decide. <c>GET /fraud/alerts?state=open</c>, <c>GET /fraud/alerts/{id}</c>,
/// <c>POST /fraud/alerts/{id}/confirm</c>, <c>POST /fraud/alerts/{id}/dismiss</c>.
/// </summary>
internal static class FraudRoutes
{
    /// <summary>Most alerts in one answer.</summary>
    public const int MostListed = 500;

    public static void Map(IEndpointRouteBuilder routes, ReviewQueue queue, string token, Action<string, string, AlertState> decided)
    {
        RouteGroupBuilder group = routes.MapGroup("/fraud/alerts");
        group.AddEndpointFilter(async (context, next) => IsReviewer(context.HttpContext.Request, token)
            ? await next(context)
            : Results.Json(new { error = "the reviewers' token is missing or wrong" }, statusCode: StatusCodes.Status401Unauthorized));
        group.MapGet("", (string? state) =>
        {
            if (state is null or "all") return Results.Ok(queue.List().Take(MostListed).Select(a => Dto(a, whole: false)));
            return Enum.TryParse(state, ignoreCase: true, out AlertState wanted) && Enum.IsDefined(wanted) && !char.IsDigit(state[0])
                ? Results.Ok(queue.List(wanted).Take(MostListed).Select(a => Dto(a, whole: false)))
                : Results.BadRequest(new { error = "state is waiting, open, confirmed, dismissed or all" });
        });
        group.MapGet("/{id}", (string id) => Answer(() => queue.Get(id)));
        group.MapPost("/{id}/confirm", (string id) => Answer(() => Decide(id, true)));
        group.MapPost("/{id}/dismiss", (string id) => Answer(() => Decide(id, false)));

        Alert Decide(string id, bool confirm)
        {
            Alert alert = queue.Decide(id, confirm);
            decided(alert.Id, alert.Kind, alert.State);
            return alert;
        }
    }

    private static IResult Answer(Func<Alert> get)
    {
        try
        {
            return Results.Ok(Dto(get(), whole: true));
        }
        catch (AlertException e)
        {
            bool unknown = e.Message.StartsWith("there is no", StringComparison.Ordinal);
            return Results.Json(new { error = e.Message }, statusCode: unknown ? StatusCodes.Status404NotFound : StatusCodes.Status409Conflict);
        }
    }

    private static AlertDto Dto(Alert a, bool whole) =>
        new(a.Id, a.Kind, Math.Round(a.Probability, 3), a.State.ToString().ToLowerInvariant(), a.FoundOn, a.OpenedOn, a.Why, whole ? a.Records : null);

    private static bool IsReviewer(HttpRequest request, string token) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(request.Headers.Authorization.ToString()), Encoding.UTF8.GetBytes("Bearer " + token));
}

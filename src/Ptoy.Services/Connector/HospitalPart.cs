using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ptoy.Client.Workflows;
using Ptoy.Services.Codes;
using Ptoy.Services.Common;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector;

/// <summary>Section <c>hospital</c>: what every other part of the connector works with.</summary>
/// <param name="Name">The hospital's name, as patients see it after proof.</param>
public sealed record HospitalOptions(string Name) : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "seals what the other parts take in, and answers patients who look for their records";

    /// <summary>What <c>init</c> writes.</summary>
    public static HospitalOptions Example { get; } = new("Hospital A");

    /// <summary>Region of phone numbers without country code.</summary>
    public string Region { get; init; } = "US";

    /// <summary>How one-time codes get to phones: see <see cref="CodeWays"/>.</summary>
    public string Codes { get; init; } = "console";

    /// <summary>Bytes that may wait for the node; beyond it sources wait, and feeds are told to send again.</summary>
    public long MaxWaitingBytes { get; init; } = 1L << 30;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (Name.Length is 0 or > 128) problems.Add("name: not 1 to 128 characters");
        if (Region.Length != 2 || !Region.All(char.IsAsciiLetterUpper)) problems.Add($"region: '{Region}' is not a country code such as US");
        if (MaxWaitingBytes < 1 << 20) problems.Add($"maxWaitingBytes: {MaxWaitingBytes} is less than {1 << 20}");
        try { CodeWays.Parse("codes", Codes, TextWriter.Null); }
        catch (FieldException e) { problems.Add(e.Message); }
        return problems;
    }
}

/// <summary>Runs an <see cref="EhrConnector"/>: hands what is taken in to the nodes, and answers its mail. Offers it, and its intake, to the others.</summary>
public sealed class HospitalPart : IDaemonPart
{
    private readonly EhrConnector _connector;

    private HospitalPart(EhrConnector connector) => _connector = connector;

    /// <inheritdoc/>
    public string Name => "hospital";

    /// <summary>Makes the part from its section.</summary>
    public static async Task<IDaemonPart> MakeAsync(PartContext context, HospitalOptions options, CancellationToken cancellation)
    {
        DaemonAccount account = await context.AccountAsync(cancellation: cancellation);
        using (var provider = new ProviderSession(account.Keys, account.Root, account.Node)) await provider.CreateAsync(options.Name, cancellation);
        string data = Path.Combine(context.DataDir, "hospital");
        Directory.CreateDirectory(data);
        byte[] key = KeyFile.ReadOrCreate(Path.Combine(data, "connector.key"));
        ConnectorState state = context.Own(ConnectorState.Open(Path.Combine(data, "state"), key));
        var settings = new ConnectorOptions(options.Name, AuthorityKey.Of(context.Genesis), options.Region)
        {
            Limits = new IntakeLimits { MaxWaitingBytes = options.MaxWaitingBytes },
        };
        var connector = context.Own(new EhrConnector(
            settings, account.Keys, account.Node, new AuthorityClient(context.Http, context.AuthorityUrl), state,
            new CustodyKeys(Path.Combine(data, "custody"), key), key, CodeWays.Parse("hospital.codes", options.Codes, Console.Error), context.Time,
            context.Logs.CreateLogger<EhrConnector>()));
        context.Share(connector);
        context.Share<IIntake>(connector.Intake);
        return new HospitalPart(connector);
    }

    /// <inheritdoc/>
    public PartHealth Health()
    {
        ConnectorState state = _connector.State;
        string trouble = _connector.Trouble is { } problem ? $"; the node or the key authority is away ({problem})" : "";
        return new PartHealth(
            trouble.Length == 0,
            $"{state.Patients.Count} patients, {state.Resources.WaitingBytes} bytes wait for the node, {state.Reviews.Open.Count} questions for staff{trouble}");
    }

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes)
    {
        // For staff at the machine itself: the questions name patients.
        RouteGroupBuilder group = routes.MapGroup("/reviews").AddEndpointFilter(Local);
        group.MapGet("", () => _connector.State.Reviews.Open);
        group.MapDelete("/{number:long}", (long number) => _connector.State.Reviews.Close(number) ? Results.Ok() : Results.NotFound());
    }

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken stop) => _connector.RunAsync(stop);

    /// <summary>Lets only requests of this machine pass.</summary>
    internal static async ValueTask<object?> Local(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        context.HttpContext.Connection.RemoteIpAddress is { } from && IPAddress.IsLoopback(from) ? await next(context) : Results.StatusCode(StatusCodes.Status403Forbidden);
}

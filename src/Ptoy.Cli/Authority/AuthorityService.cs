using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Ptoy.Cli.Shell;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Services.Authority;
using Ptoy.Services.Codes;
using Ptoy.Services.Matching;
using KeyFile = Ptoy.Services.Common.KeyFile;

namespace Ptoy.Cli.Authority;

/// <summary>The key authority put together from a data directory and an account at a node.</summary>
internal sealed class AuthorityService : IAsyncDisposable
{
    private readonly Session _session;
    private readonly AuthorityDirectory _directory;
    private readonly TokenMaker _tokens;
    private readonly TransactionSender _sender;
    private readonly ChainRegistrar _registrar;
    private readonly RandomNumberGenerator _random = RandomNumberGenerator.Create();
    private readonly ILoggerFactory _logs = LoggerFactory.Create(Log);
    private readonly KeyAuthority _authority;
    private readonly KeyAuthorityOptions _options;
    private readonly DeviceBook _devices;

    /// <summary>Opens the directory; its keys are made on first use.</summary>
    public AuthorityService(Session session, string data, string region, ICodeSender codes)
    {
        _session = session;
        _options = new KeyAuthorityOptions { Region = region };
        Directory.CreateDirectory(data);
        _tokens = new TokenMaker(KeyFile.ReadOrCreate(Path.Combine(data, "token.key")), region);
        _directory = AuthorityDirectory.Open(Path.Combine(data, "directory.sealed"), KeyFile.ReadOrCreate(Path.Combine(data, "directory.key")));
        _devices = DeviceBook.Open(Path.Combine(data, "devices.sealed"), KeyFile.ReadOrCreate(Path.Combine(data, "directory.key")), TimeProvider.System);
        _sender = new TransactionSender(session.Node);
        _registrar = new ChainRegistrar(_sender);
        _authority = new KeyAuthority(
            _options, _directory, _tokens, _registrar, new KeystoreIssuer(), codes, TimeProvider.System, _random, _logs.CreateLogger<KeyAuthority>());
    }

    /// <summary>Serves until cancelled.</summary>
    public async Task RunAsync(Uri url, Action<Uri> ready, CancellationToken cancellation)
    {
        Hash chain = _session.Node.Chain.ChainId;
        var tokens = new TokenService(
            _options, _directory, _tokens, _session.Keys.Signing, chain, _registrar.IsMemberAsync, TimeProvider.System, _random, _logs.CreateLogger<TokenService>());
        var requests = new AuthorityRequests(chain, _session.Keys.Signing.Public, TimeProvider.System);
        var info = new AuthorityInfo(_session.Account.ToString(), _session.Keys.Signing.Public.ToString(), chain.ToString());
        await using WebApplication app = AuthorityHost.Build(url, _authority, tokens, requests, info, Log, _devices);
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (IOException e)
        {
            throw CliException.Usage($"--url: {e.Message}");
        }
        ready(new Uri(app.Urls.First()));
        await app.WaitForShutdownAsync(cancellation);
    }

    /// <summary>Ends a certification, of a person in the directory or of an account certified by hand. True for the former.</summary>
    public async Task<bool> RevokeAsync(Address account, CancellationToken cancellation)
    {
        if (await _authority.RevokeAsync(account, cancellation)) return true;
        await _sender.SendAsync(ContractId.Single("Identity"), "revoke", [account.ToString()], cancellation);
        return false;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _authority.Dispose();
        _directory.Dispose();
        _devices.Dispose();
        _tokens.Dispose();
        _sender.Dispose();
        _random.Dispose();
        _logs.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Logs go to standard error: standard output is the result's.</summary>
    internal static void Log(ILoggingBuilder logging) => logging.AddConsole(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
}

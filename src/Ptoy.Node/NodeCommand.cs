using System.Runtime.InteropServices;
using Ptoy.Node.Config;
using Ptoy.Node.Execution;
using Ptoy.Node.Rpc;
using Ptoy.Node.Transport;
using Ptoy.Storage;
using Serilog;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Serilog.Formatting.Compact;

namespace Ptoy.Node;

/// <summary>Runs the daemon until it is told to stop. Shared by the executable and by <c>ptoy node run</c>.</summary>
public static class NodeCommand
{
    /// <summary>A clean end.</summary>
    public const int Ok = 0;

    /// <summary>The node stopped because it could not go on.</summary>
    public const int Halted = 1;

    /// <summary>The configuration, store, ports or genesis cannot be used.</summary>
    public const int CannotStart = 2;

    /// <summary>Runs a node with a configuration file and flags (<c>--rpc:port 8545</c>). Returns the exit code.</summary>
    public static async Task<int> RunAsync(string? configFile, IReadOnlyList<string> flags, CancellationToken cancellation = default)
    {
        NodeConfig config;
        try
        {
            config = NodeConfig.Load(configFile, flags);
        }
        catch (ConfigException e)
        {
            return Refuse(e);
        }
        using SerilogLoggerFactory logging = Logging(config);
        try
        {
            await using NodeHost host = await NodeHost.StartAsync(config, logging, cancellation).ConfigureAwait(false);
            Console.WriteLine($"ready {host.RpcAddress}");
            using var stop = new StopSignal(cancellation);
            Task ended = await Task.WhenAny(stop.Task, host.Fatal).ConfigureAwait(false);
            if (ended != host.Fatal) return Ok;
            await Console.Error.WriteLineAsync($"ptoy node: {await host.Fatal.ConfigureAwait(false)}").ConfigureAwait(false);
            return Halted;
        }
        catch (Exception e) when (e is ConfigException or StoreException or TransportException or RpcStartException or GenesisException or Ptoy.Consensus.ConsensusLogException)
        {
            return Refuse(e);
        }
    }

    private static int Refuse(Exception e)
    {
        Console.Error.WriteLine($"ptoy node: {e.Message}");
        return CannotStart;
    }

    private static SerilogLoggerFactory Logging(NodeConfig config)
    {
        LogEventLevel level = Enum.Parse<LogEventLevel>(config.LogLevel, ignoreCase: true);
        Serilog.Core.Logger logger = new LoggerConfiguration()
            .MinimumLevel.Is(level)
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .WriteTo.Console(new CompactJsonFormatter())
            .CreateLogger();
        return new SerilogLoggerFactory(logger, dispose: true);
    }

    /// <summary>Completes on SIGTERM, SIGINT or the caller's cancellation.</summary>
    private sealed class StopSignal : IDisposable
    {
        private readonly TaskCompletionSource _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<IDisposable> _registrations = [];

        public StopSignal(CancellationToken cancellation)
        {
            foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT])
            {
                _registrations.Add(PosixSignalRegistration.Create(signal, context =>
                {
                    context.Cancel = true;
                    _stop.TrySetResult();
                }));
            }
            _registrations.Add(cancellation.Register(() => _stop.TrySetResult()));
        }

        public Task Task => _stop.Task;

        public void Dispose()
        {
            foreach (IDisposable registration in _registrations) registration.Dispose();
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace YoloZeroCopy.Tests;

/// <summary>Runs xunit tests in this process, one after another: for machines with the published test program and no SDK.</summary>
/// <remarks>
/// Usage: <c>program [filter]</c>, the filter being a part of <c>Namespace.Class.Method</c>. Knows facts, theories, skips, class and collection
/// fixtures, and every kind of disposal. The last line is <c>N passed, N failed, N skipped</c>; the exit code is 1 on failure.
/// </remarks>
internal sealed class InProcessRunner
{
    private readonly Dictionary<Type, object> collectionFixtures = [];
    private int passed;
    private int failed;
    private int skipped;

    public static async Task<int> RunAsync(Assembly assembly, string[] args)
    {
        InProcessRunner runner = new();
        string filter = args.Length > 0 ? args[0] : "";
        foreach (Type type in assembly.GetTypes().Where(type => type is { IsClass: true, IsAbstract: false }).OrderBy(type => type.FullName))
        {
            bool IsWanted(MethodInfo method) => $"{type.FullName}.{method.Name}".Contains(filter, StringComparison.OrdinalIgnoreCase);
            MethodInfo[] tests = [.. type.GetMethods().Where(method => method.GetCustomAttribute<FactAttribute>() is not null && IsWanted(method))];
            if (tests.Length > 0)
            {
                await runner.RunClassAsync(type, tests);
            }
        }

        await runner.DisposeAllAsync(runner.collectionFixtures.Values);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{runner.passed} passed, {runner.failed} failed, {runner.skipped} skipped"));
        return runner.failed > 0 ? 1 : 0;
    }

    private async Task RunClassAsync(Type type, MethodInfo[] tests)
    {
        Dictionary<Type, object> fixtures = [];
        foreach (MethodInfo test in tests)
        {
            FactAttribute fact = test.GetCustomAttribute<FactAttribute>()!;
            if (fact.Skip is not null)
            {
                Report("SKIP", $"{type.FullName}.{test.Name}", fact.Skip, ref skipped);
                continue;
            }

            foreach (object?[] row in fact is TheoryAttribute ? Rows(test) : [[]])
            {
                string name = $"{type.FullName}.{test.Name}{(row.Length == 0 ? "" : $"({string.Join(", ", row)})")}";
                Stopwatch watch = Stopwatch.StartNew();
                try
                {
                    await RunOneAsync(type, test, row, fixtures);
                    Report("PASS", name, $"{watch.ElapsedMilliseconds} ms", ref passed);
                }
                catch (Exception thrown)
                {
                    Exception error = Unwrap(thrown);
                    bool isSkip = error.GetType().Name == "SkipException";
                    Report(isSkip ? "SKIP" : "FAIL", name, isSkip ? error.Message : error.ToString(), ref isSkip ? ref skipped : ref failed);
                }
            }
        }

        await DisposeAllAsync(fixtures.Values);
    }

    private async Task RunOneAsync(Type type, MethodInfo test, object?[] row, Dictionary<Type, object> fixtures)
    {
        object? instance = test.IsStatic ? null : await CreateAsync(type, fixtures);
        try
        {
            object?[] values = [.. test.GetParameters().Select((part, i) => i < row.Length ? Fit(row[i], part.ParameterType) : part.DefaultValue)];
            await (test.Invoke(instance, values) switch { Task task => task, ValueTask task => task.AsTask(), _ => Task.CompletedTask });
        }
        finally
        {
            await DisposeAsync(instance);
        }
    }

    private async Task<object> CreateAsync(Type type, Dictionary<Type, object> fixtures)
    {
        string? collection = Named(type, typeof(CollectionAttribute));
        Type? definition = collection is null ? null
            : type.Assembly.GetTypes().FirstOrDefault(other => Named(other, typeof(CollectionDefinitionAttribute)) == collection);
        foreach (Type fixture in FixtureTypes(definition, typeof(ICollectionFixture<>)).Where(fixture => !collectionFixtures.ContainsKey(fixture)))
        {
            collectionFixtures.Add(fixture, await StartAsync(Activator.CreateInstance(fixture)!));
        }

        foreach (Type fixture in FixtureTypes(type, typeof(IClassFixture<>)).Where(fixture => !fixtures.ContainsKey(fixture)))
        {
            fixtures.Add(fixture, await StartAsync(Activator.CreateInstance(fixture)!));
        }

        ConstructorInfo constructor = type.GetConstructors().Single();
        object[] arguments = [.. constructor.GetParameters().Select(parameter => parameter.ParameterType)
            .Select(wanted => fixtures.GetValueOrDefault(wanted) ?? collectionFixtures.GetValueOrDefault(wanted)
                ?? throw new InvalidOperationException($"{type} wants {wanted}, which is no fixture."))];
        return await StartAsync(constructor.Invoke(arguments));
    }

    private static string? Named(Type type, Type attribute) =>
        (string?)type.GetCustomAttributesData().FirstOrDefault(data => data.AttributeType == attribute)?.ConstructorArguments[0].Value;

    private static IEnumerable<Type> FixtureTypes(Type? type, Type kind) => (type?.GetInterfaces() ?? [])
        .Where(face => face.IsGenericType && face.GetGenericTypeDefinition() == kind).Select(face => face.GenericTypeArguments[0]);

    private static async Task<object> StartAsync(object instance)
    {
        await (instance is IAsyncLifetime lifetime ? lifetime.InitializeAsync() : Task.CompletedTask);
        return instance;
    }

    private async Task DisposeAllAsync(IEnumerable<object> fixtures)
    {
        foreach (object fixture in fixtures)
        {
            await DisposeAsync(fixture);
        }
    }

    private static async Task DisposeAsync(object? instance)
    {
        await (instance is IAsyncLifetime lifetime ? lifetime.DisposeAsync() : Task.CompletedTask);
        await (instance is IAsyncDisposable disposable ? disposable.DisposeAsync() : ValueTask.CompletedTask);
        (instance as IDisposable)?.Dispose();
    }

    private static IEnumerable<object?[]> Rows(MethodInfo test) =>
        test.GetCustomAttributes().OfType<Xunit.Sdk.DataAttribute>().SelectMany(data => data.GetData(test) ?? []);

    private static object? Fit(object? value, Type type) => value is null || type.IsInstanceOfType(value) ? value
        : type.IsEnum ? Enum.ToObject(type, value)
        : Convert.ChangeType(value, type, CultureInfo.InvariantCulture);

    private static Exception Unwrap(Exception error) =>
        error is TargetInvocationException { InnerException: Exception inner } ? Unwrap(inner) : error;

    private static void Report(string outcome, string name, string detail, ref int count)
    {
        count++;
        Console.WriteLine($"{outcome} {name}: {detail}");
    }
}

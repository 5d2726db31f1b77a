WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
await using WebApplication app = builder.Build();
await app.RunAsync();
